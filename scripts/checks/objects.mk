# The objects and directories of directory obj that kbuild makes in the configuration of
# the current directory: "make -f objects.mk srctree=TREE obj=DIRECTORY listed"

include $(srctree)/scripts/Makefile.build

listed:
	@echo $(subdir-ym) $(real-obj-y) $(real-obj-m) $(lib-y)
