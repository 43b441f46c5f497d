"""How the Python scripts here end."""

import os
import sys


def run(main, arguments):
    """main's exit status; 1 if a file or a pipe cannot be read or written, 130 after
    Ctrl-C, where Python would print a traceback, or end with 120"""
    name = os.path.basename(sys.argv[0])
    try:
        status = main(arguments)
        sys.stdout.flush()
        return status
    except OSError as error:
        print(f"{name}: {error}", file=sys.stderr)
        # What has not been written cannot be, when Python tries once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
