// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for the functions that get or pin the pages of an iterator.
 *
 *	./tools/testing/kunit/kunit.py run --kunitconfig mm
 *
 * The kinds of iterators that have pages, but for pipes, are laid over four pages
 * of memory in several layouts, and walked by each of the four functions in steps of
 * several sizes.  What a step has to give follows from the layout and the size.
 */
#include <kunit/test.h>
#include <linux/bvec.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/uio.h>
#include <linux/xarray.h>

/*
 * What a hold on a small page adds to its reference count, and the highest count
 * that a pin leaves behind, 2^31 - 1 - 2^25.  Spelled out, and not taken from the
 * functions under test.
 */
#define GET_REFS	1
#define PIN_REFS	1024
#define HIGHEST_REFS	2113929215

#define NR_PAGES	4
#define NR_SLOTS	8
#define MAX_SEGMENTS	5

/* Of the first page in the xarray; aligned as that of a large folio is */
#define XARRAY_INDEX	4

#define NO_LIMIT	UINT_MAX

/* The functions under test */

struct way {
	const char *name;
	bool may_pin;
	bool allocates;
};

static const struct way ways[] = {
	{ "get_pages2",		false, false },
	{ "get_pages_alloc2",	false, true },
	{ "pin_pages",		true,  false },
	{ "pin_pages_alloc",	true,  true },
};

/* One call, into slots that are poisoned before */
struct step {
	ssize_t ret;
	size_t start;
	struct page *slots[NR_SLOTS];
	struct page **pages;
};

#define POISON	((struct page *)0x5a5a5a5aUL)

static void take_step(const struct way *way, struct iov_iter *iter, struct step *step,
		      size_t maxsize, unsigned int maxpages)
{
	int i;

	for (i = 0; i < NR_SLOTS; i++)
		step->slots[i] = POISON;
	step->start = SIZE_MAX;
	step->pages = way->allocates ? (struct page **)POISON : step->slots;
	if (way->may_pin && way->allocates)
		step->ret = iov_iter_pin_pages_alloc(iter, &step->pages, maxsize, &step->start);
	else if (way->may_pin)
		step->ret = iov_iter_pin_pages(iter, step->slots, maxsize, maxpages,
					       &step->start);
	else if (way->allocates)
		step->ret = iov_iter_get_pages_alloc2(iter, &step->pages, maxsize,
						      &step->start);
	else
		step->ret = iov_iter_get_pages2(iter, step->slots, maxsize, maxpages,
						&step->start);
}

static unsigned int pages_of(const struct step *step)
{
	return step->ret > 0 ? DIV_ROUND_UP(step->start + step->ret, PAGE_SIZE) : 0;
}

static void release_pages_of(const struct way *way, const struct iov_iter *iter,
			     struct step *step)
{
	unsigned int i;

	for (i = 0; i < pages_of(step); i++) {
		if (way->may_pin && iov_iter_will_pin(iter))
			unpin_user_page(step->pages[i]);
		else
			put_page(step->pages[i]);
	}
	if (way->allocates && step->pages != (struct page **)POISON)
		kvfree(step->pages);
}

/* The kinds of iterators, and how data can flow */

enum kind { IOVEC, UBUF, KVEC, BVEC, XARRAY, DISCARD };

struct flow {
	const char *name;
	enum kind kind;
	unsigned int rw;
	bool large;		/* the pages are one folio */
	bool pinned;		/* by those functions that may */
};

static const struct flow flows_over_memory[] = {
	{ "iovec, data flows in",		IOVEC,	READ,	false, true },
	{ "iovec, data flows out",		IOVEC,	WRITE,	false, false },
	{ "ubuf, data flows in",		UBUF,	READ,	false, true },
	{ "ubuf, data flows out",		UBUF,	WRITE,	false, false },
	{ "bvec, data flows in",		BVEC,	READ,	false, false },
	{ "bvec, data flows out",		BVEC,	WRITE,	false, false },
	{ "bvec of a large folio",		BVEC,	READ,	true,  false },
	{ "xarray, data flows in",		XARRAY,	READ,	false, false },
	{ "xarray, data flows out",		XARRAY,	WRITE,	false, false },
	{ "xarray of a large folio",		XARRAY,	READ,	true,  false },
};

static const struct flow flows_without_pages[] = {
	{ "kvec, data flows in",		KVEC,	READ,	false, false },
	{ "kvec, data flows out",		KVEC,	WRITE,	false, false },
	{ "discard",				DISCARD, READ,	false, false },
};

static const struct flow user_flows[] = {
	{ "iovec, data flows in",		IOVEC,	READ,	false, true },
	{ "iovec, data flows out",		IOVEC,	WRITE,	false, false },
	{ "ubuf, data flows in",		UBUF,	READ,	false, true },
	{ "ubuf, data flows out",		UBUF,	WRITE,	false, false },
};

static const struct flow segmented_flows[] = {
	{ "iovec, data flows in",		IOVEC,	READ,	false, true },
	{ "iovec, data flows out",		IOVEC,	WRITE,	false, false },
	{ "bvec, data flows in",		BVEC,	READ,	false, false },
	{ "bvec of a large folio",		BVEC,	READ,	true,  false },
};

static const struct flow xarray_flows[] = {
	{ "data flows in",			XARRAY,	READ,	false, false },
	{ "data flows out",			XARRAY,	WRITE,	false, false },
	{ "large folio",			XARRAY,	READ,	true,  false },
};

static void flow_name(const struct flow *flow, char *name)
{
	strscpy(name, flow->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(flows_over_memory, flows_over_memory, flow_name);
KUNIT_ARRAY_PARAM(flows_without_pages, flows_without_pages, flow_name);
KUNIT_ARRAY_PARAM(user_flows, user_flows, flow_name);
KUNIT_ARRAY_PARAM(segmented_flows, segmented_flows, flow_name);
KUNIT_ARRAY_PARAM(xarray_flows, xarray_flows, flow_name);

/* How the segments of an iterator lie over the pages */

struct segment {
	unsigned int page;
	unsigned int offset;
	size_t len;
};

struct layout {
	const char *name;
	unsigned int nr_segments;
	struct segment segments[MAX_SEGMENTS];
};

#define LAST	(PAGE_SIZE - 1)

static const struct layout layouts[] = {
	{ "one page",			1, { { 1, 0, PAGE_SIZE } } },
	{ "inside a page",		1, { { 1, 100, 200 } } },
	{ "up to the end of a page",	1, { { 1, 512, PAGE_SIZE - 512 } } },
	{ "one byte",			1, { { 2, LAST, 1 } } },
	{ "two bytes in two pages",	1, { { 1, LAST, 2 } } },
	{ "partial first and last",	1, { { 0, 512, 3 * PAGE_SIZE } } },
	{ "all pages",			1, { { 0, 0, NR_PAGES * PAGE_SIZE } } },
	{ "offset of a page and more",	1, { { 0, PAGE_SIZE + 512, PAGE_SIZE } } },
	{ "two segments in one page",	2, { { 1, 0, 512 }, { 1, 512, 512 } } },
	{ "one page twice",		2, { { 1, 0, PAGE_SIZE }, { 1, 0, PAGE_SIZE } } },
	{ "backwards",			3, { { 3, 0, PAGE_SIZE }, { 1, 512, PAGE_SIZE },
					     { 0, 0, 100 } } },
};

/* Of the kinds here, only iovecs may have segments without a byte. */
static const struct layout layouts_with_holes[] = {
	{ "empty segments",		5, { { 0, 0, 0 }, { 1, 0, 512 }, { 0, 0, 0 },
					     { 2, 512, PAGE_SIZE }, { 3, 0, 0 } } },
};

/* How much a step may take */
struct limit {
	const char *name;
	size_t maxsize;
	unsigned int maxpages;
};

static const struct limit limits[] = {
	{ "no limit",			LONG_MAX,	NR_SLOTS },
	{ "one page",			LONG_MAX,	1 },
	{ "two pages",			LONG_MAX,	2 },
	{ "100 bytes",			100,		NR_SLOTS },
	{ "1000 bytes",			1000,		NR_SLOTS },
	{ "the size of a page",		PAGE_SIZE,	NR_SLOTS },
	{ "a byte more, one page",	PAGE_SIZE + 1,	1 },
	{ "a byte more, two pages",	PAGE_SIZE + 1,	2 },
};

/* Fixture: the pages, with the references that they have at rest */

struct iter_fixture {
	struct mm_struct *mm;
	unsigned long addr;
	struct page *pages[NR_PAGES];
	int refs[NR_PAGES];
	bool large;
	struct iovec iov[MAX_SEGMENTS];
	struct bio_vec bvec[MAX_SEGMENTS];
	struct kvec kvec;
	struct xarray xarray;
};

static void set_up_kernel_pages(struct kunit *test, struct iter_fixture *memory, bool large)
{
	struct page *page = alloc_pages(GFP_KERNEL | (large ? __GFP_COMP : 0), 2);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	memory->large = large;
	if (!large)
		split_page(page, 2);
	for (i = 0; i < NR_PAGES; i++)
		memory->pages[i] = page + i;
}

static void free_kernel_pages(struct iter_fixture *memory)
{
	int i;

	if (!memory->pages[0])
		return;
	if (memory->large) {
		put_page(memory->pages[0]);
		return;
	}
	for (i = 0; i < NR_PAGES; i++)
		put_page(memory->pages[i]);
}

/* The page after the last is not mapped. */
static bool set_up_user_memory(struct kunit *test, struct iter_fixture *memory)
{
	memory->mm = mm_alloc();
	/* From here on no ASSERT: it would end the thread that uses the mm. */
	if (!memory->mm) {
		KUNIT_FAIL(test, "no mm");
		return false;
	}
	memory->mm->task_size = TASK_SIZE;
	arch_pick_mmap_layout(memory->mm, &current->signal->rlim[RLIMIT_STACK]);
	kthread_use_mm(memory->mm);
	memory->addr = vm_mmap(NULL, 0, (NR_PAGES + 1) * PAGE_SIZE, PROT_READ | PROT_WRITE,
			       MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (IS_ERR_VALUE(memory->addr) ||
	    vm_munmap(memory->addr + NR_PAGES * PAGE_SIZE, PAGE_SIZE)) {
		KUNIT_FAIL(test, "no user memory at %lx", memory->addr);
		return false;
	}
	return true;
}

/* As if nothing of it had ever been touched */
static bool map_anew(struct kunit *test, struct iter_fixture *memory, unsigned long prot)
{
	unsigned long addr = vm_mmap(NULL, memory->addr, NR_PAGES * PAGE_SIZE, prot,
				     MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED, 0);

	KUNIT_EXPECT_EQ(test, addr, memory->addr);
	return addr == memory->addr;
}

static void note_references(struct iter_fixture *memory)
{
	int i;

	for (i = 0; i < NR_PAGES; i++)
		memory->refs[i] = page_ref_count(memory->pages[i]);
}

/* Fault in the pages, if they are not there, and get to know them. */
static bool touch_user_memory(struct kunit *test, struct iter_fixture *memory)
{
	int i, round, got;

	got = get_user_pages_fast(memory->addr, NR_PAGES, FOLL_WRITE, memory->pages);
	KUNIT_EXPECT_EQ(test, got, NR_PAGES);
	/*
	 * A page that is new, or becomes active, waits in a list of its CPU, with a
	 * reference.  Once it is active it stays so.
	 */
	for (round = 0; round < 2; round++) {
		lru_add_drain_all();
		for (i = 0; i < got; i++)
			mark_page_accessed(memory->pages[i]);
	}
	lru_add_drain_all();
	for (i = 0; i < got; i++)
		put_page(memory->pages[i]);
	if (got != NR_PAGES)
		return false;
	note_references(memory);
	return true;
}

/* Pages that an iterator of that kind can be laid over */
static bool set_up_memory(struct kunit *test, const struct flow *flow)
{
	struct iter_fixture *memory = test->priv;
	int i;

	if (flow->kind == IOVEC || flow->kind == UBUF) {
		if (!set_up_user_memory(test, memory) || !touch_user_memory(test, memory))
			return false;
	} else {
		set_up_kernel_pages(test, memory, flow->large);
		for (i = 0; i < NR_PAGES; i++) {
			void *old = xa_store(&memory->xarray, XARRAY_INDEX + i,
					     compound_head(memory->pages[i]), GFP_KERNEL);

			KUNIT_EXPECT_EQ(test, xa_err(old), 0);
		}
		note_references(memory);
	}
	return true;
}

/* A folio is held as a whole. */
static void expect_more_holds(struct iter_fixture *memory, int *holds, unsigned int page,
			      int refs)
{
	holds[memory->large ? 0 : page] += refs;
}

static void expect_holds(struct kunit *test, const char *what, const int *holds)
{
	struct iter_fixture *memory = test->priv;
	int i;

	for (i = 0; i < (memory->large ? 1 : NR_PAGES); i++)
		KUNIT_EXPECT_EQ_MSG(test, page_ref_count(memory->pages[i]) - memory->refs[i],
				    holds[i], "%s: references taken of page %d", what, i);
}

/* Unless the test has never got to know the pages */
static void expect_no_holds(struct kunit *test, const char *what)
{
	static const int none[NR_PAGES];
	struct iter_fixture *memory = test->priv;

	if (memory->refs[0])
		expect_holds(test, what, none);
}

static int iter_test_init(struct kunit *test)
{
	struct iter_fixture *memory = kunit_kzalloc(test, sizeof(*memory), GFP_KERNEL);

	test->priv = memory;
	if (!memory)
		return -ENOMEM;
	xa_init(&memory->xarray);
	return 0;
}

static void iter_test_exit(struct kunit *test)
{
	struct iter_fixture *memory = test->priv;

	if (!memory)
		return;
	expect_no_holds(test, "at the end");
	xa_destroy(&memory->xarray);
	if (memory->mm) {
		kthread_unuse_mm(memory->mm);
		mmput(memory->mm);
	} else {
		free_kernel_pages(memory);
	}
}

static bool fits(enum kind kind, const struct layout *layout)
{
	return kind == IOVEC || kind == BVEC || layout->nr_segments == 1;
}

static size_t size_of(const struct layout *layout)
{
	size_t size = 0;
	int i;

	for (i = 0; i < layout->nr_segments; i++)
		size += layout->segments[i].len;
	return size;
}

static void lay(struct iter_fixture *memory, const struct flow *flow,
		const struct layout *layout, struct iov_iter *iter)
{
	const struct segment *first = layout->segments;
	size_t offset = first->page * PAGE_SIZE + first->offset;
	int i;

	for (i = 0; i < layout->nr_segments; i++) {
		const struct segment *segment = layout->segments + i;

		memory->iov[i].iov_base = (void __user *)memory->addr +
			segment->page * PAGE_SIZE + segment->offset;
		memory->iov[i].iov_len = segment->len;
		if (flow->kind != BVEC)
			continue;
		memory->bvec[i].bv_page = memory->pages[segment->page];
		memory->bvec[i].bv_offset = segment->offset;
		memory->bvec[i].bv_len = segment->len;
	}
	switch (flow->kind) {
	case IOVEC:
		iov_iter_init(iter, flow->rw, memory->iov, layout->nr_segments,
			      size_of(layout));
		break;
	case UBUF:
		iov_iter_ubuf(iter, flow->rw, memory->iov[0].iov_base, size_of(layout));
		break;
	case KVEC:
		memory->kvec.iov_base = page_address(memory->pages[0]) + offset;
		memory->kvec.iov_len = size_of(layout);
		iov_iter_kvec(iter, flow->rw, &memory->kvec, 1, size_of(layout));
		break;
	case BVEC:
		iov_iter_bvec(iter, flow->rw, memory->bvec, layout->nr_segments,
			      size_of(layout));
		break;
	case XARRAY:
		iov_iter_xarray(iter, flow->rw, &memory->xarray,
				XARRAY_INDEX * PAGE_SIZE + offset, size_of(layout));
		break;
	case DISCARD:
		iov_iter_discard(iter, flow->rw, size_of(layout));
		break;
	}
}

/* What the step at @pos has to give: that many bytes, from that page and offset on */
struct expected {
	size_t len;
	unsigned int page;
	size_t start;
};

static struct expected expected_at(const struct layout *layout, size_t pos,
				   size_t maxsize, unsigned int maxpages)
{
	const struct segment *segment = layout->segments;
	struct expected expected = { };

	while (pos >= segment->len) {
		pos -= segment->len;
		if (++segment == layout->segments + layout->nr_segments)
			return expected;
	}
	expected.page = segment->page + (segment->offset + pos) / PAGE_SIZE;
	expected.start = (segment->offset + pos) % PAGE_SIZE;
	expected.len = min(maxsize, segment->len - pos);
	if (maxpages < NO_LIMIT)
		expected.len = min(expected.len, maxpages * PAGE_SIZE - expected.start);
	return expected;
}

/* @size is what the iterator had at first. */
static void expect_step(struct kunit *test, const struct flow *flow, const struct way *way,
			const struct layout *layout, size_t size, struct iov_iter *iter,
			const struct limit *limit)
{
	struct iter_fixture *memory = test->priv;
	size_t left = iov_iter_count(iter);
	unsigned int maxpages = way->allocates ? NO_LIMIT : limit->maxpages;
	struct expected expected = expected_at(layout, size - left,
					       min(limit->maxsize, left), maxpages);
	int holds[NR_PAGES] = { };
	struct step step;
	char what[96];
	int i, n;

	snprintf(what, sizeof(what), "%s, %s, %s, %zu bytes left", way->name, layout->name,
		 limit->name, left);
	take_step(way, iter, &step, limit->maxsize, limit->maxpages);
	KUNIT_EXPECT_EQ_MSG(test, step.ret, expected.len, "%s", what);
	if (step.ret != expected.len) {
		release_pages_of(way, iter, &step);
		return;
	}
	KUNIT_EXPECT_EQ_MSG(test, iov_iter_count(iter), left - step.ret, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, step.start, expected.start, "%s", what);

	n = DIV_ROUND_UP(expected.start + expected.len, PAGE_SIZE);
	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_PTR_EQ_MSG(test, step.pages[i], memory->pages[expected.page + i],
					"%s, slot %d", what, i);
		expect_more_holds(memory, holds, expected.page + i,
				  way->may_pin && flow->pinned ? PIN_REFS : GET_REFS);
	}
	for (i = n; i < NR_SLOTS && !way->allocates; i++)
		KUNIT_EXPECT_PTR_EQ_MSG(test, step.slots[i], POISON, "%s, slot %d", what, i);
	expect_holds(test, what, holds);
	release_pages_of(way, iter, &step);
	expect_no_holds(test, what);
}

/*
 * Step to the end of an iterator that has @size bytes of a layout, or to the first step
 * that is wrong: no console takes what all the others would have to say.
 */
static void walk_to_end(struct kunit *test, const struct flow *flow, const struct way *way,
			const struct layout *layout, size_t size, struct iov_iter *iter,
			const struct limit *limit)
{
	size_t left = SIZE_MAX;

	while (test->status != KUNIT_FAILURE && iov_iter_count(iter) &&
	       iov_iter_count(iter) < left) {
		left = iov_iter_count(iter);
		expect_step(test, flow, way, layout, size, iter, limit);
	}
	if (test->status == KUNIT_FAILURE)
		return;
	KUNIT_EXPECT_EQ_MSG(test, iov_iter_count(iter), 0, "%s, %s, %s: bytes not reached",
			    way->name, layout->name, limit->name);
}

/* All of the layout, and all but the last byte */
static void walk(struct kunit *test, const struct flow *flow, const struct way *way,
		 const struct layout *layout, const struct limit *limit)
{
	size_t size = size_of(layout);
	struct iov_iter iter;

	lay(test->priv, flow, layout, &iter);
	walk_to_end(test, flow, way, layout, size, &iter, limit);
	lay(test->priv, flow, layout, &iter);
	iov_iter_truncate(&iter, size - 1);
	walk_to_end(test, flow, way, layout, size - 1, &iter, limit);
}

/* Properties */

/*
 * Each step gives the pages from where the iterator stands, in their order, up to
 * the end of the segment or to the nearest limit; it holds each of them once, in the
 * way that is to be expected; it writes to no other slot of the caller's array; and it
 * moves the iterator by what it returns.
 */
static void pages_come_in_order_and_are_held_once(struct kunit *test)
{
	const struct flow *flow = test->param_value;
	const struct layout *layout;
	const struct limit *limit;
	int i;

	if (!set_up_memory(test, flow))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		for (layout = layouts; layout < layouts + ARRAY_SIZE(layouts); layout++)
			for (limit = limits; limit < limits + ARRAY_SIZE(limits); limit++)
				if (fits(flow->kind, layout))
					walk(test, flow, ways + i, layout, limit);
		for (limit = limits; limit < limits + ARRAY_SIZE(limits); limit++)
			if (flow->kind == IOVEC)
				walk(test, flow, ways + i, layouts_with_holes, limit);
	}
}

/* After a revert, the same pages come again: of the last byte, and of all. */
static void reverted_pages_come_again(struct kunit *test)
{
	const struct flow *flow = test->param_value;
	const struct layout *layout;
	int i;

	if (!set_up_memory(test, flow))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		for (layout = layouts; layout < layouts + ARRAY_SIZE(layouts); layout++) {
			size_t size = size_of(layout);
			struct iov_iter iter;

			if (!fits(flow->kind, layout))
				continue;
			lay(test->priv, flow, layout, &iter);
			walk_to_end(test, flow, ways + i, layout, size, &iter, limits);
			/* More cannot be reverted than was stepped over. */
			if (iov_iter_count(&iter))
				return;
			iov_iter_revert(&iter, 1);
			walk_to_end(test, flow, ways + i, layout, size, &iter, limits);
			if (iov_iter_count(&iter))
				return;
			iov_iter_revert(&iter, size);
			walk_to_end(test, flow, ways + i, layout, size, &iter, limits);
		}
	}
}

/* A page that comes twice is held twice, and released once for each time. */
static void page_that_comes_twice_is_held_twice(struct kunit *test)
{
	static const struct layout twice = {
		"one page twice", 2, { { 1, 0, PAGE_SIZE }, { 1, 0, PAGE_SIZE } },
	};
	const struct flow *flow = test->param_value;
	int i;

	if (!set_up_memory(test, flow))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		struct iter_fixture *memory = test->priv;
		int refs = ways[i].may_pin && flow->pinned ? PIN_REFS : GET_REFS;
		int holds[NR_PAGES] = { };
		struct step first, second;
		struct iov_iter iter;

		lay(memory, flow, &twice, &iter);
		take_step(ways + i, &iter, &first, LONG_MAX, NR_SLOTS);
		take_step(ways + i, &iter, &second, LONG_MAX, NR_SLOTS);
		expect_more_holds(memory, holds, 1, 2 * refs);
		expect_holds(test, ways[i].name, holds);
		release_pages_of(ways + i, &iter, &first);
		expect_more_holds(memory, holds, 1, -refs);
		expect_holds(test, ways[i].name, holds);
		release_pages_of(ways + i, &iter, &second);
		expect_no_holds(test, ways[i].name);
	}
}

/* A step that gives nothing but a result moves nothing, and holds nothing. */
static void expect_refusal(struct kunit *test, const struct way *way, struct iov_iter *iter,
			   const struct limit *limit, ssize_t ret)
{
	struct iov_iter before;
	struct step step;
	int i;

	memcpy(&before, iter, sizeof(before));
	take_step(way, iter, &step, limit->maxsize, limit->maxpages);
	KUNIT_EXPECT_EQ_MSG(test, step.ret, ret, "%s", way->name);
	KUNIT_EXPECT_EQ_MSG(test, memcmp(iter, &before, sizeof(before)), 0,
			    "%s: the iterator has moved", way->name);
	if (step.ret <= 0 && way->allocates)
		KUNIT_EXPECT_NULL_MSG(test, step.pages, "%s", way->name);
	for (i = 0; i < NR_SLOTS && step.ret <= 0 && !way->allocates; i++)
		KUNIT_EXPECT_PTR_EQ_MSG(test, step.slots[i], POISON, "%s, slot %d",
					way->name, i);
	release_pages_of(way, iter, &step);
	expect_no_holds(test, way->name);
}

/* Who asks for nothing gets nothing, and that is no error. */
static void nothing_is_got_for_nothing(struct kunit *test)
{
	static const struct limit no_bytes = { "no bytes", 0, NR_SLOTS };
	static const struct limit no_pages = { "no pages", LONG_MAX, 0 };
	const struct flow *flow = test->param_value;
	struct iter_fixture *memory = test->priv;
	struct iov_iter iter;
	int i;

	if (!set_up_memory(test, flow))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		lay(memory, flow, layouts, &iter);
		expect_refusal(test, ways + i, &iter, &no_bytes, 0);
		if (!ways[i].allocates)
			expect_refusal(test, ways + i, &iter, &no_pages, 0);
		iov_iter_advance(&iter, size_of(layouts));
		expect_refusal(test, ways + i, &iter, limits, 0);
	}
}

/* An xarray that has no page for some index ends there. */
static void hole_ends_the_xarray(struct kunit *test)
{
	static const struct layout over_the_hole = {
		"over a hole", 1, { { 0, 512, 3 * PAGE_SIZE } },
	};
	const struct flow *flow = test->param_value;
	struct iter_fixture *memory = test->priv;
	struct iov_iter iter;
	int i;

	if (!set_up_memory(test, flow))
		return;
	xa_erase(&memory->xarray, XARRAY_INDEX + 2);
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		int holds[NR_PAGES] = { };
		struct step step;

		lay(memory, flow, &over_the_hole, &iter);
		take_step(ways + i, &iter, &step, LONG_MAX, NR_SLOTS);
		KUNIT_EXPECT_EQ_MSG(test, step.ret, 2 * PAGE_SIZE - 512, "%s", ways[i].name);
		expect_more_holds(memory, holds, 0, GET_REFS);
		expect_more_holds(memory, holds, 1, GET_REFS);
		expect_holds(test, ways[i].name, holds);
		release_pages_of(ways + i, &iter, &step);
		expect_refusal(test, ways + i, &iter, limits, 0);
	}
}

/* Some iterators have no pages, and say so. */
static void iterator_without_pages_is_refused(struct kunit *test)
{
	const struct flow *flow = test->param_value;
	struct iter_fixture *memory = test->priv;
	struct iov_iter iter;
	int i;

	if (!set_up_memory(test, flow))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		lay(memory, flow, layouts, &iter);
		expect_refusal(test, ways + i, &iter, limits, -EFAULT);
		KUNIT_EXPECT_FALSE(test, iov_iter_will_pin(&iter));
	}
}

/* The predicate gives the same answer at every place of the iterator. */
static void predicate_tells_what_is_pinned(struct kunit *test)
{
	const struct flow *flow = test->param_value;
	struct iter_fixture *memory = test->priv;
	const struct layout *layout = &layouts[ARRAY_SIZE(layouts) - 1];
	struct iov_iter iter;

	if (!fits(flow->kind, layout))
		layout = layouts;
	if (!set_up_memory(test, flow))
		return;
	lay(memory, flow, layout, &iter);
	KUNIT_EXPECT_EQ(test, iov_iter_will_pin(&iter), flow->pinned);
	iov_iter_advance(&iter, 100);
	KUNIT_EXPECT_EQ(test, iov_iter_will_pin(&iter), flow->pinned);
	iov_iter_revert(&iter, 100);
	KUNIT_EXPECT_EQ(test, iov_iter_will_pin(&iter), flow->pinned);
	iov_iter_advance(&iter, size_of(layout));
	KUNIT_EXPECT_EQ(test, iov_iter_will_pin(&iter), flow->pinned);
}

static struct kunit_case iov_iter_pages_cases[] = {
	KUNIT_CASE_PARAM(pages_come_in_order_and_are_held_once, flows_over_memory_gen_params),
	KUNIT_CASE_PARAM(reverted_pages_come_again, flows_over_memory_gen_params),
	KUNIT_CASE_PARAM(page_that_comes_twice_is_held_twice, segmented_flows_gen_params),
	KUNIT_CASE_PARAM(nothing_is_got_for_nothing, flows_over_memory_gen_params),
	KUNIT_CASE_PARAM(hole_ends_the_xarray, xarray_flows_gen_params),
	KUNIT_CASE_PARAM(iterator_without_pages_is_refused, flows_without_pages_gen_params),
	KUNIT_CASE_PARAM(predicate_tells_what_is_pinned, flows_over_memory_gen_params),
	{}
};

static struct kunit_suite iov_iter_pages_suite = {
	.name = "iov_iter_pages",
	.init = iter_test_init,
	.exit = iter_test_exit,
	.test_cases = iov_iter_pages_cases,
};

/* User memory */

/* What can be had before memory that is not there, is; the rest is an error. */
static void unmapped_memory_ends_the_pages(struct kunit *test)
{
	static const struct layout beyond = {
		"beyond the end of memory", 1, { { NR_PAGES - 2, 512, 2 * PAGE_SIZE } },
	};
	const struct flow *flow = test->param_value;
	struct iter_fixture *memory = test->priv;
	struct iov_iter iter;
	int i;

	if (!set_up_memory(test, flow))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		int refs = ways[i].may_pin && flow->pinned ? PIN_REFS : GET_REFS;
		int holds[NR_PAGES] = { };
		struct step step;

		holds[NR_PAGES - 2] = refs;
		holds[NR_PAGES - 1] = refs;
		lay(memory, flow, &beyond, &iter);
		take_step(ways + i, &iter, &step, LONG_MAX, NR_SLOTS);
		KUNIT_EXPECT_EQ_MSG(test, step.ret, 2 * PAGE_SIZE - 512, "%s", ways[i].name);
		expect_holds(test, ways[i].name, holds);
		release_pages_of(ways + i, &iter, &step);
		KUNIT_EXPECT_EQ_MSG(test, iov_iter_count(&iter), 512, "%s", ways[i].name);
		expect_refusal(test, ways + i, &iter, limits, -EFAULT);
	}
}

/* The same where a segment begins there */
static void unmapped_segment_is_an_error(struct kunit *test)
{
	static const struct layout second_segment = {
		"a second segment that is not there", 2,
		{ { 1, 0, PAGE_SIZE }, { NR_PAGES, 0, 512 } },
	};
	static const struct layout only_segment = {
		"a segment that is not there", 1, { { NR_PAGES, 0, 512 } },
	};
	const struct flow *flow = test->param_value;
	struct iter_fixture *memory = test->priv;
	struct iov_iter iter;
	int i;

	if (!set_up_memory(test, flow))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (flow->kind == IOVEC) {
			lay(memory, flow, &second_segment, &iter);
			expect_step(test, flow, ways + i, &second_segment,
				    size_of(&second_segment), &iter, limits);
		} else {
			lay(memory, flow, &only_segment, &iter);
		}
		expect_refusal(test, ways + i, &iter, limits, -EFAULT);
	}
}

/*
 * With ->nofault, memory that would have to be faulted in first cannot be had.
 * Memory that was touched can.
 */
static void nofault_takes_what_is_there(struct kunit *test)
{
	const struct flow *flow = test->param_value;
	struct iter_fixture *memory = test->priv;
	struct iov_iter iter;
	int i;

	if (!set_up_user_memory(test, memory))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		lay(memory, flow, layouts, &iter);
		iter.nofault = true;
		expect_refusal(test, ways + i, &iter, limits, -EFAULT);
	}
	if (!touch_user_memory(test, memory))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		lay(memory, flow, layouts, &iter);
		iter.nofault = true;
		expect_step(test, flow, ways + i, layouts, size_of(layouts), &iter, limits);
	}
}

/* The zero pages that may be mapped at an address; some architectures have several. */
static int zero_page_references(const struct iter_fixture *memory)
{
	int i, refs = 0;

	for (i = 0; i < NR_PAGES; i++)
		refs += page_ref_count(ZERO_PAGE(memory->addr + i * PAGE_SIZE));
	return refs;
}

static const struct layout all_pages = {
	"all pages", 1, { { 0, 0, NR_PAGES * PAGE_SIZE } },
};

/* To read from, memory that was never touched is the zero page.  It is referenced. */
static void expect_zero_pages(struct kunit *test, const struct way *way, struct iov_iter *iter)
{
	struct iter_fixture *memory = test->priv;
	int refs = zero_page_references(memory);
	struct step step;
	unsigned int i;

	take_step(way, iter, &step, LONG_MAX, NR_SLOTS);
	KUNIT_EXPECT_EQ_MSG(test, step.ret, (ssize_t)size_of(&all_pages), "%s", way->name);
	for (i = 0; i < pages_of(&step); i++)
		KUNIT_EXPECT_TRUE_MSG(test, is_zero_page(step.pages[i]), "%s, page %u",
				      way->name, i);
	KUNIT_EXPECT_GT_MSG(test, zero_page_references(memory), refs, "%s", way->name);
	release_pages_of(way, iter, &step);
	KUNIT_EXPECT_EQ_MSG(test, zero_page_references(memory), refs, "%s", way->name);
}

/* Data cannot flow into memory that may only be read.  From there they can. */
static void read_only_memory_takes_no_data(struct kunit *test)
{
	const struct flow *flow = test->param_value;
	struct iter_fixture *memory = test->priv;
	struct iov_iter iter;
	int i;

	if (!set_up_user_memory(test, memory) || !map_anew(test, memory, PROT_READ))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		lay(memory, flow, &all_pages, &iter);
		if (flow->rw == READ)
			expect_refusal(test, ways + i, &iter, limits, -EFAULT);
		else
			expect_zero_pages(test, ways + i, &iter);
	}
}

/* To write to, it is new pages, and those that are mapped from then on. */
static void expect_new_pages(struct kunit *test, const struct way *way, struct iov_iter *iter)
{
	struct iter_fixture *memory = test->priv;
	struct step step;
	unsigned int i;

	take_step(way, iter, &step, LONG_MAX, NR_SLOTS);
	KUNIT_EXPECT_EQ_MSG(test, step.ret, (ssize_t)size_of(&all_pages), "%s", way->name);
	if (touch_user_memory(test, memory)) {
		for (i = 0; i < pages_of(&step); i++) {
			int refs = page_ref_count(step.pages[i]);

			KUNIT_EXPECT_PTR_EQ_MSG(test, step.pages[i], memory->pages[i],
						"%s, page %u", way->name, i);
			KUNIT_EXPECT_EQ_MSG(test, refs >= PIN_REFS,
					    way->may_pin && iov_iter_will_pin(iter),
					    "%s: %d references of page %u", way->name, refs, i);
		}
	}
	release_pages_of(way, iter, &step);
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_LT_MSG(test, page_ref_count(memory->pages[i]), PIN_REFS,
				    "%s, page %u", way->name, i);
	/* They are not those of the next mapping. */
	memset(memory->refs, 0, sizeof(memory->refs));
}

/* Memory that was never touched is faulted in, as what it is needed for. */
static void untouched_memory_is_faulted_in(struct kunit *test)
{
	const struct flow *flow = test->param_value;
	struct iter_fixture *memory = test->priv;
	int i;

	if (!set_up_user_memory(test, memory))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		struct iov_iter iter;

		if (!map_anew(test, memory, PROT_READ | PROT_WRITE))
			return;
		lay(memory, flow, &all_pages, &iter);
		if (flow->rw == READ)
			expect_new_pages(test, ways + i, &iter);
		else
			expect_zero_pages(test, ways + i, &iter);
	}
}

/* fork() looks for pins only in an mm that is known to have had some. */
static void mm_is_known_to_have_pins(struct kunit *test)
{
	const struct flow *flow = test->param_value;
	struct iter_fixture *memory = test->priv;
	struct iov_iter iter;
	int may_pin, i;

	if (!set_up_memory(test, flow))
		return;
	for (may_pin = 0; may_pin < 2; may_pin++) {
		for (i = 0; i < ARRAY_SIZE(ways); i++) {
			if (ways[i].may_pin != may_pin)
				continue;
			lay(memory, flow, layouts, &iter);
			expect_step(test, flow, ways + i, layouts, size_of(layouts), &iter,
				    limits);
			KUNIT_EXPECT_EQ_MSG(test, test_bit(MMF_HAS_PINNED, &memory->mm->flags),
					    may_pin && flow->pinned, "%s", ways[i].name);
		}
	}
}

/* No page can be had where the address space ends, and that is no error. */
static void end_of_the_address_space_gives_nothing(struct kunit *test)
{
	const struct flow *flow = test->param_value;
	struct iovec iov = {
		.iov_base = (void __user *)(ULONG_MAX & PAGE_MASK),
		.iov_len = PAGE_SIZE,
	};
	struct iov_iter iter;
	int i;

	if (!set_up_user_memory(test, test->priv))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (flow->kind == IOVEC)
			iov_iter_init(&iter, flow->rw, &iov, 1, iov.iov_len);
		else
			iov_iter_ubuf(&iter, flow->rw, iov.iov_base, iov.iov_len);
		expect_refusal(test, ways + i, &iter, limits, 0);
	}
}

/*
 * Where a page takes no more pins, those before it are pinned, and then no more.
 * It still takes references.
 */
static void full_page_ends_the_pins(struct kunit *test)
{
	static const struct layout two_pages = { "two pages", 1, { { 0, 0, 2 * PAGE_SIZE } } };
	const struct flow *flow = test->param_value;
	struct iter_fixture *memory = test->priv;
	int i;

	if (!set_up_memory(test, flow))
		return;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		bool pinned = ways[i].may_pin && flow->pinned;
		struct page *full = memory->pages[1];
		int more = HIGHEST_REFS - PIN_REFS + 1 - page_ref_count(full);
		struct iov_iter iter;
		struct step step;

		lay(memory, flow, &two_pages, &iter);
		page_ref_add(full, more);
		take_step(ways + i, &iter, &step, LONG_MAX, NR_SLOTS);
		KUNIT_EXPECT_EQ_MSG(test, step.ret, (ssize_t)(pinned ? 1 : 2) * PAGE_SIZE,
				    "%s", ways[i].name);
		KUNIT_EXPECT_EQ_MSG(test, page_ref_count(memory->pages[0]) - memory->refs[0],
				    pinned ? PIN_REFS : GET_REFS, "%s", ways[i].name);
		release_pages_of(ways + i, &iter, &step);
		take_step(ways + i, &iter, &step, LONG_MAX, NR_SLOTS);
		KUNIT_EXPECT_EQ_MSG(test, step.ret, pinned ? -ENOMEM : 0, "%s", ways[i].name);
		release_pages_of(ways + i, &iter, &step);
		page_ref_sub(full, more);
		expect_no_holds(test, ways[i].name);
	}
}

static struct kunit_case iov_iter_user_cases[] = {
	KUNIT_CASE_PARAM(unmapped_memory_ends_the_pages, user_flows_gen_params),
	KUNIT_CASE_PARAM(unmapped_segment_is_an_error, user_flows_gen_params),
	KUNIT_CASE_PARAM(read_only_memory_takes_no_data, user_flows_gen_params),
	KUNIT_CASE_PARAM(nofault_takes_what_is_there, user_flows_gen_params),
	KUNIT_CASE_PARAM(untouched_memory_is_faulted_in, user_flows_gen_params),
	KUNIT_CASE_PARAM(mm_is_known_to_have_pins, user_flows_gen_params),
	KUNIT_CASE_PARAM(end_of_the_address_space_gives_nothing, user_flows_gen_params),
	KUNIT_CASE_PARAM(full_page_ends_the_pins, user_flows_gen_params),
	{}
};

static struct kunit_suite iov_iter_user_suite = {
	.name = "iov_iter_user",
	.init = iter_test_init,
	.exit = iter_test_exit,
	.test_cases = iov_iter_user_cases,
};

/* Pipes, which make their pages as data is to flow into them */

static void way_name(const struct way *way, char *name)
{
	strscpy(name, way->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ways, ways, way_name);

static int pipe_test_init(struct kunit *test)
{
	test->priv = alloc_pipe_info();
	return test->priv ? 0 : -ENOMEM;
}

static void pipe_test_exit(struct kunit *test)
{
	if (test->priv)
		free_pipe_info(test->priv);
}

/* The pages of a step are those of the pipe, held that many times. */
static void expect_pipe_pages(struct kunit *test, const struct step *step,
			      const int refs[NR_PAGES])
{
	struct pipe_inode_info *pipe = test->priv;
	unsigned int i;

	for (i = 0; i < min(pages_of(step), pipe->head - pipe->tail); i++) {
		struct page *page = pipe->bufs[i].page;

		KUNIT_EXPECT_PTR_EQ_MSG(test, step->pages[i], page, "slot %u", i);
		KUNIT_EXPECT_EQ_MSG(test, page_ref_count(page), refs[i], "slot %u", i);
	}
}

/*
 * A step gives the rest of the page of the step before, and then new pages; each
 * belongs to the pipe and to the caller.  Nothing is ever pinned.
 */
static void pipe_pages_are_referenced(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct pipe_inode_info *pipe = test->priv;
	struct step first, second;
	struct iov_iter iter;
	unsigned int i;

	iov_iter_pipe(&iter, READ, pipe, 3 * PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, iov_iter_will_pin(&iter));
	take_step(way, &iter, &first, 100, NR_SLOTS);
	KUNIT_EXPECT_EQ(test, first.ret, 100);
	KUNIT_EXPECT_EQ(test, first.start, 0);
	expect_pipe_pages(test, &first, (int [NR_PAGES]) { 2 });

	take_step(way, &iter, &second, 2 * PAGE_SIZE, NR_SLOTS);
	KUNIT_EXPECT_EQ(test, second.ret, (ssize_t)(2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, second.start, 100);
	KUNIT_EXPECT_EQ(test, pipe->head - pipe->tail, 3);
	expect_pipe_pages(test, &second, (int [NR_PAGES]) { 3, 2, 2 });
	if (!way->allocates)
		KUNIT_EXPECT_PTR_EQ(test, second.slots[3], POISON);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), PAGE_SIZE - 100);

	release_pages_of(way, &iter, &first);
	expect_pipe_pages(test, &second, (int [NR_PAGES]) { 2, 2, 2 });
	release_pages_of(way, &iter, &second);
	for (i = 0; i < pipe->head - pipe->tail; i++)
		KUNIT_EXPECT_EQ_MSG(test, page_ref_count(pipe->bufs[i].page), 1, "buffer %u", i);
}

/* What is reverted leaves the pipe, and stays with who has got it. */
static void pipe_page_outlives_the_revert(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct pipe_inode_info *pipe = test->priv;
	struct step step;
	struct iov_iter iter;
	unsigned int i;

	iov_iter_pipe(&iter, READ, pipe, 3 * PAGE_SIZE);
	take_step(way, &iter, &step, LONG_MAX, NR_SLOTS);
	KUNIT_EXPECT_EQ(test, step.ret, (ssize_t)(3 * PAGE_SIZE));
	if (step.ret > 0)
		iov_iter_revert(&iter, step.ret - PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pipe->head - pipe->tail, 1);
	for (i = 0; i < pages_of(&step); i++)
		KUNIT_EXPECT_EQ_MSG(test, page_ref_count(step.pages[i]), i ? 1 : 2,
				    "slot %u", i);
	release_pages_of(way, &iter, &step);
}

/* A full pipe has no more pages. */
static void full_pipe_is_an_error(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct pipe_inode_info *pipe = test->priv;
	size_t got = 0, asked = (pipe->max_usage + 1) * PAGE_SIZE;
	struct step step;
	struct iov_iter iter;

	iov_iter_pipe(&iter, READ, pipe, asked);
	do {
		take_step(way, &iter, &step, LONG_MAX, NR_SLOTS);
		release_pages_of(way, &iter, &step);
		if (step.ret > 0)
			got += step.ret;
	} while (step.ret > 0);
	KUNIT_EXPECT_EQ(test, got, asked - PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, step.ret, -EFAULT);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), PAGE_SIZE);
	if (way->allocates)
		KUNIT_EXPECT_NULL(test, step.pages);
}

static struct kunit_case iov_iter_pipe_cases[] = {
	KUNIT_CASE_PARAM(pipe_pages_are_referenced, ways_gen_params),
	KUNIT_CASE_PARAM(pipe_page_outlives_the_revert, ways_gen_params),
	KUNIT_CASE_PARAM(full_pipe_is_an_error, ways_gen_params),
	{}
};

static struct kunit_suite iov_iter_pipe_suite = {
	.name = "iov_iter_pipe",
	.init = pipe_test_init,
	.exit = pipe_test_exit,
	.test_cases = iov_iter_pipe_cases,
};

kunit_test_suites(&iov_iter_pages_suite, &iov_iter_user_suite, &iov_iter_pipe_suite);
