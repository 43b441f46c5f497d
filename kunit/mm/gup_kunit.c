// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for the counting of pins: mm/pincount.h, and the functions of
 * mm/gup.c that use it.  Included at the end of mm/gup.c.
 *
 *	./tools/testing/kunit/kunit.py run --kunitconfig mm
 *
 * The expected counts are spelled out here, and not computed with the functions
 * under test.  The numbers that a pin adds are these:
 */
#include <kunit/test.h>
#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/workqueue.h>
#include <asm/sections.h>

#define SMALL_PIN_REFS	1024
#define LARGE_PIN_REFS	1

/* No pin takes a reference count above this; 2^31 - 1 - 2^25 */
#define HIGHEST_REFS	2113929215

/* The order of the huge folios: 9, unless the allocator ends before */
#define HUGE_ORDER	(MAX_ORDER - 1 < 9 ? MAX_ORDER - 1 : 9)
enum { HUGE_PAGES = 1 << HUGE_ORDER };
/* A small machine may not have more for a test. */
#define MOST_MEMORY	SZ_128M

/*
 * Fixture: the folios of a test, which have to come back as they were, and the
 * reports of misuse, which have to be expected.
 */
#define MAX_FOLIOS	32

struct pin_fixture {
	struct kunit *test;
	struct folio *folios[MAX_FOLIOS];
	unsigned int nr_folios;
	unsigned int misuses;
	struct page *page;	/* of the last report */
	const char *reason;
	long acquired;
	long released;
};

static struct pin_fixture *pin_fixture;

/* Called in place of a report, see __pin_misuse() and bad_page(). */
bool pin_misuse_expected(struct page *page, const char *reason)
{
	struct pin_fixture *fixture;

	if (!in_task() || !current->kunit_test)
		return false;
	fixture = READ_ONCE(pin_fixture);
	if (!fixture || current->kunit_test != fixture->test)
		return false;
	fixture->misuses++;
	fixture->page = page;
	fixture->reason = reason;
	return true;
}

/* What has been reported once may be reported again, as with clear_warn_once. */
static void forget_reports(void)
{
	memset(__start_once, 0, __end_once - __start_once);
}

static void expect_misuse_at(struct kunit *test, int line, struct page *page,
			     const char *reason)
{
	struct pin_fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, fixture->misuses, 1, "line %d: reports of misuse", line);
	if (fixture->misuses) {
		KUNIT_EXPECT_STREQ_MSG(test, fixture->reason, reason, "line %d", line);
		KUNIT_EXPECT_PTR_EQ_MSG(test, fixture->page, page, "line %d", line);
	}
	fixture->misuses = 0;
	forget_reports();
}

#define expect_misuse(test, page, reason)	\
	expect_misuse_at(test, __LINE__, page, reason)

/* With what CPUs have not added to it yet */
static long node_count_now(struct pglist_data *pgdat, enum node_stat_item item)
{
	long sum = atomic_long_read(&pgdat->vm_stat[item]);
#ifdef CONFIG_SMP
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(pgdat->per_cpu_nodestats, cpu)->vm_node_stat_diff[item];
#endif
	return sum;
}

static void do_nothing(struct work_struct *work)
{
}

/* It may wrap: use differences only. */
static long node_count(struct kunit *test, struct pglist_data *pgdat, enum node_stat_item item)
{
	long count = node_count_now(pgdat, item), last;

	/* A CPU may be just moving its part; it has, when it has got to other work. */
	do {
		last = count;
		KUNIT_EXPECT_EQ(test, schedule_on_each_cpu(do_nothing), 0);
		count = node_count_now(pgdat, item);
	} while (count != last);
	return count;
}

static long all_nodes_count(struct kunit *test, enum node_stat_item item)
{
	struct pglist_data *pgdat;
	long sum = 0;

	for_each_online_pgdat(pgdat)
		sum += node_count(test, pgdat, item);
	return sum;
}

/* Since the test began */
static long pins_acquired(struct kunit *test)
{
	struct pin_fixture *fixture = test->priv;

	return all_nodes_count(test, NR_FOLL_PIN_ACQUIRED) - fixture->acquired;
}

static long pins_released(struct kunit *test)
{
	struct pin_fixture *fixture = test->priv;

	return all_nodes_count(test, NR_FOLL_PIN_RELEASED) - fixture->released;
}

/* Make up for a pin that a test has let disappear. */
static void count_lost_pins(struct page *page, int pins)
{
	mod_node_page_state(page_pgdat(page), NR_FOLL_PIN_RELEASED, pins);
}

static int pincount_of(struct folio *folio)
{
	return folio_test_large(folio) ?
	       atomic_read(folio_pincount_ptr(folio)) : 0;
}

static void take_charge_of(struct kunit *test, struct folio *folio)
{
	struct pin_fixture *fixture = test->priv;

	fixture->folios[fixture->nr_folios++] = folio;
}

static struct page *new_pages(struct kunit *test, gfp_t gfp, unsigned int order)
{
	struct pin_fixture *fixture = test->priv;
	struct page *page;

	/* Nobody takes charge of more than three at once. */
	KUNIT_ASSERT_LE(test, fixture->nr_folios + 3, MAX_FOLIOS);
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO | gfp, order);
	KUNIT_ASSERT_NOT_NULL_MSG(test, page, "no memory for order %u", order);
	return page;
}

static struct folio *new_folio(struct kunit *test, unsigned int order)
{
	struct page *page = new_pages(test, __GFP_COMP, order);

	take_charge_of(test, page_folio(page));
	return page_folio(page);
}

/* Three folios that follow each other, of order 0, 0 and 1 */
static struct page *new_neighbours(struct kunit *test)
{
	struct page *page = new_pages(test, 0, 2);

	split_page(page, 2);
	set_page_count(page + 3, 0);
	prep_compound_page(page + 2, 1);
	take_charge_of(test, page_folio(page));
	take_charge_of(test, page_folio(page + 1));
	take_charge_of(test, page_folio(page + 2));
	return page;
}

static int pin_test_init(struct kunit *test)
{
	struct pin_fixture *fixture;

	test->priv = NULL;
	fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);
	if (!fixture)
		return -ENOMEM;
	fixture->test = test;
	fixture->acquired = all_nodes_count(test, NR_FOLL_PIN_ACQUIRED);
	fixture->released = all_nodes_count(test, NR_FOLL_PIN_RELEASED);
	test->priv = fixture;
	forget_reports();
	WRITE_ONCE(pin_fixture, fixture);
	return 0;
}

static void expect_new_folio(struct kunit *test, unsigned int i, struct folio *folio)
{
	KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), 1, "references left of folio %u", i);
	KUNIT_EXPECT_EQ_MSG(test, pincount_of(folio), 0, "pins left of folio %u", i);
	KUNIT_EXPECT_NULL_MSG(test, folio->mapping, "mapping left of folio %u", i);
}

static void pin_test_exit(struct kunit *test)
{
	struct pin_fixture *fixture = test->priv;
	unsigned int i;

	if (!fixture)
		return;

	for (i = 0; i < fixture->nr_folios; i++) {
		struct folio *folio = fixture->folios[i];

		expect_new_folio(test, i, folio);
		/* Free it, unless that has been done. */
		if (folio_ref_count(folio) == 1)
			folio_put(folio);
	}
	KUNIT_EXPECT_EQ_MSG(test, pins_acquired(test), pins_released(test),
			    "pins acquired and released differ");
	KUNIT_EXPECT_EQ_MSG(test, fixture->misuses, 0, "unexpected report of misuse: %s",
			    fixture->reason);
	WRITE_ONCE(pin_fixture, NULL);
	forget_reports();
}

#define PIN_TEST_SUITE(id)				\
static struct kunit_suite id##_suite = {		\
	.name = #id,					\
	.init = pin_test_init,				\
	.exit = pin_test_exit,				\
	.test_cases = id##_cases,			\
}

/* The elements of the array rows are the parameters of a test, by their name. */
#define NAMED_PARAMS(row)						\
static void row##_name(typeof(row##s[0]) *param, char *name)		\
{									\
	strscpy(name, param->name, KUNIT_PARAM_DESC_SIZE);		\
}									\
									\
KUNIT_ARRAY_PARAM(row, row##s, row##_name)

/* The pages that the tests try: number @nth of a folio */
struct page_kind {
	const char *name;
	unsigned int order;
	unsigned int nth;
};

static struct page_kind page_kinds[] = {
	{ "order 0",		0,   0 },
	{ "order 1, head",	1,   0 },
	{ "order 1, tail",	1,   1 },
	{ "order 2, head",	2,   0 },
	{ "order 2, last tail",	2,   3 },
	{ "huge, head",		HUGE_ORDER, 0 },
	{ "huge, last tail",	HUGE_ORDER, HUGE_PAGES - 1 },
};

NAMED_PARAMS(page_kind);

static struct page *new_page_of_kind(struct kunit *test)
{
	const struct page_kind *kind = test->param_value;

	return folio_page(new_folio(test, kind->order), kind->nth);
}

/* What @pins pins look like, and @refs references on top of the first one */
static void expect_counts_at(struct kunit *test, int line, struct folio *folio,
			     int refs, int pins)
{
	bool large = folio_test_large(folio);

	KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio),
			    1 + refs + pins * (large ? LARGE_PIN_REFS : SMALL_PIN_REFS),
			    "line %d: references, with %d pins", line, pins);
	KUNIT_EXPECT_EQ_MSG(test, pincount_of(folio), large ? pins : 0,
			    "line %d: _pincount, with %d pins", line, pins);
	KUNIT_EXPECT_EQ_MSG(test, folio_maybe_dma_pinned(folio), pins > 0,
			    "line %d: maybe pinned, with %d pins", line, pins);
}

#define expect_counts(test, folio, refs, pins)	\
	expect_counts_at(test, __LINE__, folio, refs, pins)
#define expect_pins(test, folio, pins)	expect_counts(test, folio, 0, pins)

/* As GUP-fast does it: with preemption off */
static struct folio *grab(struct page *page, int refs, unsigned int flags)
{
	struct folio *folio;

	preempt_disable();
	folio = try_grab_folio(page, refs, flags);
	preempt_enable();
	return folio;
}

static void pin_pages_at(struct kunit *test, int line, struct page *page, int pins)
{
	KUNIT_EXPECT_PTR_EQ_MSG(test, grab(page, pins, FOLL_PIN), page_folio(page),
				"line %d: %d pins", line, pins);
}

#define pin_pages(test, page, pins)	pin_pages_at(test, __LINE__, page, pins)

/* Release consecutive pages of a folio as a bio does. */
static void unpin_range(struct folio *folio, unsigned int first, unsigned int npages)
{
	struct bio_vec bvec;

	bvec_set_page(&bvec, folio_page(folio, first), npages * PAGE_SIZE, 0);
	unpin_user_bvecs_dirty_lock(&bvec, 1, false);
}

/* An address space to pin pages by their address: anonymous memory */
struct user_memory {
	struct mm_struct *mm;
	unsigned long addr;
};

#define USER_PAGES	3

static struct user_memory map_user_memory(struct kunit *test, unsigned long npages)
{
	struct user_memory memory = { };

	if (npages > MOST_MEMORY / PAGE_SIZE)
		kunit_skip(test, "huge pages are too large");
	memory.mm = mm_alloc();
	KUNIT_ASSERT_NOT_NULL(test, memory.mm);
	memory.mm->task_size = TASK_SIZE;
	arch_pick_mmap_layout(memory.mm, &current->signal->rlim[RLIMIT_STACK]);
	kthread_use_mm(memory.mm);
	memory.addr = vm_mmap(NULL, 0, npages * PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (IS_ERR_VALUE(memory.addr)) {
		kthread_unuse_mm(memory.mm);
		mmput(memory.mm);
		KUNIT_FAIL(test, "vm_mmap: %ld", (long)memory.addr);
		memory.mm = NULL;
	}
	return memory;
}

static void unmap_user_memory(struct user_memory memory)
{
	kthread_unuse_mm(memory.mm);
	mmput(memory.mm);
}

/* Maps */

/* The bias has one bit set, so that references and pins have bits of their own. */
static void bias_is_a_power_of_two(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, GUP_PIN_COUNTING_BIAS, SMALL_PIN_REFS);
	KUNIT_EXPECT_EQ(test, hweight32(GUP_PIN_COUNTING_BIAS), 1);
}

/* Every number of pins comes back from the count, whatever references are there. */
static void small_pins_survive_the_way_there_and_back(struct kunit *test)
{
	static const int extra[] = { 0, 1, SMALL_PIN_REFS / 2, SMALL_PIN_REFS - 1 };
	int pins, i;

	for (pins = 0; pins <= HIGHEST_REFS / SMALL_PIN_REFS; pins++) {
		s64 refs = gup_pins_to_refs(false, pins);

		if (refs != pins * SMALL_PIN_REFS) {
			KUNIT_FAIL(test, "%d pins are %lld references", pins, refs);
			return;
		}
		for (i = 0; i < ARRAY_SIZE(extra); i++) {
			if (gup_refs_to_pins(refs + extra[i]) == pins)
				continue;
			KUNIT_FAIL(test, "%lld references are %u pins instead of %d",
				   refs + extra[i], gup_refs_to_pins(refs + extra[i]), pins);
			return;
		}
	}
}

/* More pins than any folio can have are as many references, and do not wrap. */
static void absurd_numbers_of_pins_do_not_wrap(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, gup_pins_to_refs(false, 1 << 21), 1LL << 31);
	KUNIT_EXPECT_EQ(test, gup_pins_to_refs(false, 1 << 22), 1LL << 32);
	KUNIT_EXPECT_EQ(test, gup_pins_to_refs(false, INT_MAX), 1024LL * INT_MAX);
	KUNIT_EXPECT_EQ(test, gup_pins_to_refs(true, INT_MAX), INT_MAX);
}

/* Each pin of a large folio is one reference. */
static void large_pins_are_references(struct kunit *test)
{
	static const int pins[] = { 0, 1, 2, 511, 512, SMALL_PIN_REFS, 1 << 18, HIGHEST_REFS };
	int i;

	for (i = 0; i < ARRAY_SIZE(pins); i++)
		KUNIT_EXPECT_EQ(test, gup_pins_to_refs(true, pins[i]), pins[i]);
}

static struct refs_row {
	const char *name;
	int refs;
	unsigned int pins;
} refs_rows[] = {
	{ "none",				0,		0 },
	{ "one reference",			1,		0 },
	{ "one reference less than a pin",	1023,		0 },
	{ "one pin",				1024,		1 },
	{ "one pin, one reference",		1025,		1 },
	{ "one reference less than two pins",	2047,		1 },
	{ "two pins",				2048,		2 },
	{ "the most that a pin may lead to",	HIGHEST_REFS,	2064383 },
	{ "the most before the sign",		INT_MAX,	2097151 },
	{ "overflowed",				INT_MIN,	2097152 },
	{ "overflowed, one less than a pin",	INT_MIN + 1023,	2097152 },
	{ "overflowed, one pin more",		INT_MIN + 1024,	2097153 },
	{ "all bits set",			-1,		4194303 },
};

NAMED_PARAMS(refs_row);

/* A count has as many pins as fit into it, the sign bit being one bit more. */
static void references_are_at_most_that_many_pins(struct kunit *test)
{
	const struct refs_row *row = test->param_value;

	KUNIT_EXPECT_EQ(test, gup_refs_to_pins(row->refs), row->pins);
}

/* The most pins are as many as fit below the highest count, and no more. */
static void the_most_pins_fill_the_count(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, PIN_REFS_MAX, HIGHEST_REFS);
	KUNIT_EXPECT_EQ(test, gup_max_pins(true), HIGHEST_REFS);
	KUNIT_EXPECT_EQ(test, gup_max_pins(false), HIGHEST_REFS / SMALL_PIN_REFS);
	KUNIT_EXPECT_LE(test, gup_pins_to_refs(false, gup_max_pins(false)), HIGHEST_REFS);
	KUNIT_EXPECT_GT(test, gup_pins_to_refs(false, gup_max_pins(false) + 1), HIGHEST_REFS);
}

static struct kunit_case pin_maps_cases[] = {
	KUNIT_CASE(bias_is_a_power_of_two),
	KUNIT_CASE(small_pins_survive_the_way_there_and_back),
	KUNIT_CASE(absurd_numbers_of_pins_do_not_wrap),
	KUNIT_CASE(large_pins_are_references),
	KUNIT_CASE_PARAM(references_are_at_most_that_many_pins, refs_row_gen_params),
	KUNIT_CASE(the_most_pins_fill_the_count),
	{}
};

PIN_TEST_SUITE(pin_maps);

/* Operations on folios of all kinds */

/* Pins add up, and come off again in other portions. */
static void pins_add_up(struct kunit *test)
{
	struct pin_stat stat = { };
	struct folio *folio = page_folio(new_page_of_kind(test));
	int refs;

	expect_pins(test, folio, 0);
	KUNIT_EXPECT_TRUE(test, folio_try_add_pins(folio, 1));
	expect_pins(test, folio, 1);
	KUNIT_EXPECT_TRUE(test, folio_try_add_pins(folio, 5));
	expect_pins(test, folio, 6);

	KUNIT_EXPECT_TRUE(test, folio_pins_to_refs(folio, 2, &refs, &stat));
	folio_ref_sub(folio, refs);
	expect_pins(test, folio, 4);
	KUNIT_EXPECT_TRUE(test, folio_pins_to_refs(folio, 4, &refs, &stat));
	folio_ref_sub(folio, refs);
	expect_pins(test, folio, 0);

	KUNIT_EXPECT_EQ(test, stat.pins, 6);
	pin_stat_count(&stat, NR_FOLL_PIN_RELEASED);
}

/* References and pins are independent of each other. */
static void references_do_not_change_pins(struct kunit *test)
{
	struct folio *folio = page_folio(new_page_of_kind(test));

	folio_ref_add(folio, 7);
	expect_counts(test, folio, 7, 0);
	pin_pages(test, &folio->page, 3);
	expect_counts(test, folio, 7, 3);
	folio_ref_sub(folio, 7);
	expect_counts(test, folio, 0, 3);
	unpin_folio(folio, 3);
	expect_pins(test, folio, 0);
}

/* The question "how many pins at most" is answered exactly without references. */
static void number_of_pins_is_known(struct kunit *test)
{
	struct folio *folio = page_folio(new_page_of_kind(test));

	KUNIT_EXPECT_EQ(test, folio_pins_at_most(folio), 0);
	pin_pages(test, &folio->page, 3);
	KUNIT_EXPECT_EQ(test, folio_pins_at_most(folio), 3);
	unpin_folio(folio, 3);
	KUNIT_EXPECT_EQ(test, folio_pins_at_most(folio), 0);
}

/*
 * A folio that is not any more what GUP-fast took it for is left as it was: one
 * that has become large, ...
 */
static void pin_notices_that_folio_became_large(struct kunit *test)
{
	struct pin_stat stat = { };
	struct folio *folio = new_folio(test, 1);

	KUNIT_EXPECT_EQ(test, try_pin_folio_as(folio, false, &folio->page, 1, &stat), -EAGAIN);
	expect_pins(test, folio, 0);
	KUNIT_EXPECT_EQ(test, try_pin_folio_as(folio, false, &folio->page, 3, &stat), -EAGAIN);
	expect_pins(test, folio, 0);
	KUNIT_EXPECT_EQ(test, stat.pins, 0);
}

/* ... one that has become small, ... */
static void pin_notices_that_folio_became_small(struct kunit *test)
{
	struct pin_stat stat = { };
	struct folio *folio = new_folio(test, 0);

	KUNIT_EXPECT_EQ(test, try_pin_folio_as(folio, true, &folio->page, 3, &stat), -EAGAIN);
	expect_pins(test, folio, 0);
	KUNIT_EXPECT_EQ(test, stat.pins, 0);
}

/* ... and one that the page has left. */
static void pin_notices_that_page_left_the_folio(struct kunit *test)
{
	struct pin_stat stat = { };
	unsigned int order;

	for (order = 0; order < 2; order++) {
		struct folio *folio = new_folio(test, order);
		struct folio *other = new_folio(test, order);

		KUNIT_EXPECT_EQ(test, try_pin_folio_as(folio, order, &other->page, 1, &stat),
				-EAGAIN);
		expect_pins(test, folio, 0);
		expect_pins(test, other, 0);
	}
	KUNIT_EXPECT_EQ(test, stat.pins, 0);
}

/* A folio without references is free, and not to be had. */
static void free_folio_is_not_pinned(struct kunit *test)
{
	struct page *page = new_page_of_kind(test);
	struct folio *folio = page_folio(page);

	KUNIT_ASSERT_TRUE(test, folio_ref_freeze(folio, 1));
	KUNIT_EXPECT_NULL(test, grab(page, 1, FOLL_PIN));
	KUNIT_EXPECT_FALSE(test, folio_try_add_pins(folio, 1));
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 0);
	folio_ref_unfreeze(folio, 1);
	expect_pins(test, folio, 0);
	KUNIT_EXPECT_EQ(test, pins_acquired(test), 0);
}

/* A page that is reserved is counted like any other, unless it is a zero page. */
static void reserved_page_is_pinned(struct kunit *test)
{
	struct folio *folio = new_folio(test, 0);

	set_bit(PG_reserved, &folio->flags);
	pin_pages(test, &folio->page, 1);
	expect_pins(test, folio, 1);
	unpin_user_page(&folio->page);
	expect_pins(test, folio, 0);
	clear_bit(PG_reserved, &folio->flags);
}

/*
 * The last pin of a page that nobody else uses frees it.  Interrupts are off, so
 * that nobody else on this CPU gets it before we have looked.
 */
static void last_pin_frees_the_page(struct kunit *test)
{
	const struct page_kind *kind = test->param_value;
	struct page *head = alloc_pages(GFP_KERNEL | __GFP_COMP, kind->order);
	int refs_before, refs_after;
	unsigned long flags;
	bool still_large;

	KUNIT_ASSERT_NOT_NULL(test, head);
	pin_pages(test, folio_page(page_folio(head), kind->nth), 1);
	put_page(head);
	local_irq_save(flags);
	refs_before = page_ref_count(head);
	unpin_user_page(nth_page(head, kind->nth));
	refs_after = page_ref_count(head);
	still_large = test_bit(PG_head, &head->flags);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, refs_before, kind->order ? LARGE_PIN_REFS : SMALL_PIN_REFS);
	KUNIT_EXPECT_EQ(test, refs_after, 0);
	KUNIT_EXPECT_FALSE(test, still_large);
}

static struct kunit_case pin_folio_cases[] = {
	KUNIT_CASE_PARAM(pins_add_up, page_kind_gen_params),
	KUNIT_CASE_PARAM(references_do_not_change_pins, page_kind_gen_params),
	KUNIT_CASE_PARAM(number_of_pins_is_known, page_kind_gen_params),
	KUNIT_CASE(pin_notices_that_folio_became_large),
	KUNIT_CASE(pin_notices_that_folio_became_small),
	KUNIT_CASE(pin_notices_that_page_left_the_folio),
	KUNIT_CASE_PARAM(free_folio_is_not_pinned, page_kind_gen_params),
	KUNIT_CASE(reserved_page_is_pinned),
	KUNIT_CASE_PARAM(last_pin_frees_the_page, page_kind_gen_params),
	{}
};

PIN_TEST_SUITE(pin_folio);

/* The functions of mm/gup.c, by what they do to a folio */

/* How the pages of a huge page may be pinned and released */
static struct portions_row {
	const char *name;
	int pinned[3];		/* up to a 0 */
	int portion;		/* released at a time */
} portions_rows[] = {
	{ "all at once, one by one",	{ HUGE_PAGES },			1 },
	{ "all at once, by three",	{ HUGE_PAGES },			3 },
	{ "all at once, but one",	{ HUGE_PAGES },			HUGE_PAGES - 1 },
	{ "all at once, all at once",	{ HUGE_PAGES },			HUGE_PAGES },
	{ "in portions, one by one",	{ 1, 10, HUGE_PAGES - 11 },	1 },
	{ "in portions, all at once",	{ 1, 10, HUGE_PAGES - 11 },	HUGE_PAGES },
};

NAMED_PARAMS(portions_row);

/* n pages pinned are n pins, whatever portions they are taken and released in. */
static void huge_page_may_be_released_in_portions(struct kunit *test)
{
	const struct portions_row *row = test->param_value;
	struct folio *folio = new_folio(test, HUGE_ORDER);
	int pins = 0, i;

	for (i = 0; i < ARRAY_SIZE(row->pinned) && row->pinned[i]; i++) {
		pin_pages(test, folio_page(folio, pins), row->pinned[i]);
		pins += row->pinned[i];
		expect_pins(test, folio, pins);
	}
	while (pins) {
		int portion = min(pins, row->portion);

		pins -= portion;
		unpin_range(folio, pins, portion);
		expect_pins(test, folio, pins);
	}
}

/* try_grab_folio() takes pins or references, as it is told, and finds the folio. */
static void try_grab_folio_takes_what_is_asked_for(struct kunit *test)
{
	struct page *page = new_page_of_kind(test);
	struct folio *folio = page_folio(page);

	KUNIT_EXPECT_PTR_EQ(test, grab(page, 1, FOLL_PIN), folio);
	expect_counts(test, folio, 0, 1);
	KUNIT_EXPECT_PTR_EQ(test, grab(page, 4, FOLL_PIN), folio);
	expect_counts(test, folio, 0, 5);
	KUNIT_EXPECT_PTR_EQ(test, grab(page, 2, FOLL_GET), folio);
	expect_counts(test, folio, 2, 5);

	gup_put_folio(folio, 2, FOLL_GET);
	expect_counts(test, folio, 0, 5);
	gup_put_folio(folio, 1, FOLL_PIN);
	expect_counts(test, folio, 0, 4);
	gup_put_folio(folio, 4, FOLL_PIN);
	expect_counts(test, folio, 0, 0);
}

/* try_grab_page() does so for one page, and nothing if it is asked for nothing. */
static void try_grab_page_takes_what_is_asked_for(struct kunit *test)
{
	struct page *page = new_page_of_kind(test);
	struct folio *folio = page_folio(page);

	KUNIT_EXPECT_TRUE(test, try_grab_page(page, 0));
	expect_counts(test, folio, 0, 0);
	KUNIT_EXPECT_TRUE(test, try_grab_page(page, FOLL_PIN));
	expect_counts(test, folio, 0, 1);
	KUNIT_EXPECT_TRUE(test, try_grab_page(page, FOLL_GET));
	expect_counts(test, folio, 1, 1);

	put_page(page);
	expect_counts(test, folio, 0, 1);
	unpin_user_page(page);
	expect_counts(test, folio, 0, 0);
}

/* unpin_user_page() of any page takes one pin off the folio. */
static void unpin_user_page_releases_one_pin(struct kunit *test)
{
	struct page *page = new_page_of_kind(test);
	struct folio *folio = page_folio(page);

	pin_pages(test, page, 2);
	unpin_user_page(page);
	expect_pins(test, folio, 1);
	unpin_user_page(page);
	expect_pins(test, folio, 0);
}

/*
 * Arrays of pages are written as strings, a character for each page: s is a small
 * folio, 0 to 3 are the pages of a folio of order 2, z is the zero page.
 */
#define MAX_ARRAY	8

struct page_array {
	struct folio *small, *large;
	struct page *pages[MAX_ARRAY];
	unsigned long npages;
};

static void new_page_array(struct kunit *test, struct page_array *array, const char *written)
{
	array->small = new_folio(test, 0);
	array->large = new_folio(test, 2);
	for (array->npages = 0; *written; written++) {
		struct page *page = *written == 's' ? &array->small->page :
				    *written == 'z' ? ZERO_PAGE(0) :
				    folio_page(array->large, *written - '0');

		array->pages[array->npages++] = page;
	}
}

static void pin_page_array(struct kunit *test, struct page_array *array)
{
	unsigned long i;

	for (i = 0; i < array->npages; i++)
		pin_pages(test, array->pages[i], 1);
}

static struct array_row {
	const char *name;
	const char *pages;
	int small, large;	/* pins that they are */
} array_rows[] = {
	{ "nothing",			"",		0, 0 },
	{ "one small page",		"s",		1, 0 },
	{ "a small page again",		"sss",		3, 0 },
	{ "one tail page",		"3",		0, 1 },
	{ "a run of a large folio",	"01",		0, 2 },
	{ "a run with a hole",		"033",		0, 3 },
	{ "a run twice",		"0101",		0, 4 },
	{ "backwards",			"3210",		0, 4 },
	{ "a run to the end, and on",	"23s",		1, 2 },
	{ "folio by folio",		"ss13",		2, 2 },
	{ "folios in turn",		"1s3s0",	2, 3 },
	{ "the zero page",		"zz",		0, 0 },
	{ "zero pages between",		"sz1zs",	2, 1 },
};

NAMED_PARAMS(array_row);

static void release_plainly(struct page **pages, unsigned long npages)
{
	unpin_user_pages(pages, npages);
}

static void release_clean(struct page **pages, unsigned long npages)
{
	unpin_user_pages_dirty_lock(pages, npages, false);
}

static void release_dirty(struct page **pages, unsigned long npages)
{
	unpin_user_pages_dirty_lock(pages, npages, true);
}

static void release_lockless(struct page **pages, unsigned long npages)
{
	unpin_user_pages_lockless(pages, npages);
}

static void release_one_by_one(struct page **pages, unsigned long npages)
{
	while (npages--)
		unpin_user_page(*pages++);
}

/* Each way to release an array releases each entry once, and no other pin. */
static void each_entry_of_an_array_is_released(struct kunit *test)
{
	static void (*const release[])(struct page **pages, unsigned long npages) = {
		release_plainly, release_clean, release_lockless, release_one_by_one,
	};
	const struct array_row *row = test->param_value;
	int zero_refs = page_ref_count(ZERO_PAGE(0));
	struct page_array array;
	int i;

	new_page_array(test, &array, row->pages);
	pin_pages(test, &array.small->page, 1);
	pin_pages(test, &array.large->page, 1);
	for (i = 0; i < ARRAY_SIZE(release); i++) {
		pin_page_array(test, &array);
		expect_pins(test, array.small, 1 + row->small);
		expect_pins(test, array.large, 1 + row->large);
		release[i](array.pages, array.npages);
		expect_pins(test, array.small, 1);
		expect_pins(test, array.large, 1);
	}
	KUNIT_EXPECT_EQ(test, page_ref_count(ZERO_PAGE(0)), zero_refs);
	unpin_user_page(&array.small->page);
	unpin_user_page(&array.large->page);
}

/* The neighbour of a folio's last page is not in it, large as both folios may be. */
static void neighbours_in_two_folios_are_told_apart(struct kunit *test)
{
	struct page *first = new_pages(test, 0, 2), *pages[4];
	int i;

	split_page(first, 2);
	for (i = 0; i < 4; i += 2) {
		set_page_count(first + i + 1, 0);
		prep_compound_page(first + i, 1);
		take_charge_of(test, page_folio(first + i));
	}
	for (i = 0; i < 4; i++) {
		pages[i] = first + i;
		pin_pages(test, pages[i], 1);
	}
	unpin_user_pages(pages, 3);
	expect_pins(test, page_folio(first), 0);
	expect_pins(test, page_folio(first + 2), 1);

	pin_pages(test, pages[1], 1);
	pin_pages(test, pages[2], 1);
	unpin_user_pages(pages + 1, 2);
	expect_pins(test, page_folio(first), 0);
	expect_pins(test, page_folio(first + 2), 1);
	unpin_user_pages(pages + 3, 1);
}

static struct range_row {
	const char *name;
	int first, npages;
	int pins[3];		/* of the three folios in the range */
} range_rows[] = {
	{ "one small page",		0, 1, { 1, 0, 0 } },
	{ "two small pages",		0, 2, { 1, 1, 0 } },
	{ "one tail page",		3, 1, { 0, 0, 1 } },
	{ "a large folio",		2, 2, { 0, 0, 2 } },
	{ "small, and a part of large",	1, 2, { 0, 1, 1 } },
	{ "all",			0, 4, { 1, 1, 2 } },
};

NAMED_PARAMS(range_row);

/* unpin_user_page_range_dirty_lock() goes from folio to folio, and no further. */
static void each_page_of_a_range_is_released(struct kunit *test)
{
	const struct range_row *row = test->param_value;
	struct page *pages = new_neighbours(test);
	int i;

	/* A pin more on each page, to be left alone */
	for (i = 0; i < 4; i++)
		pin_pages(test, pages + i, 1);
	for (i = row->first; i < row->first + row->npages; i++)
		pin_pages(test, pages + i, 1);
	for (i = 0; i < 3; i++)
		expect_pins(test, page_folio(pages + i), row->pins[i] + (i < 2 ? 1 : 2));

	unpin_user_page_range_dirty_lock(pages + row->first, row->npages, false);
	for (i = 0; i < 3; i++)
		expect_pins(test, page_folio(pages + i), i < 2 ? 1 : 2);
	unpin_user_page_range_dirty_lock(pages, 4, false);
}

/* The bytes that bvecs have, in the pages of new_neighbours() */
static struct bvec_row {
	const char *name;
	struct {
		int page, offset, len;
	} bvecs[2];
	int pins[3];		/* that they are of the three folios */
} bvec_rows[] = {
	{ "a page",			{ { 0, 0, PAGE_SIZE } },		{ 1, 0, 0 } },
	{ "the first byte of a page",	{ { 1, 0, 1 } },			{ 0, 1, 0 } },
	{ "the last byte of a page",	{ { 1, PAGE_SIZE - 1, 1 } },		{ 0, 1, 0 } },
	{ "a byte each of two pages",	{ { 0, PAGE_SIZE - 1, 2 } },		{ 1, 1, 0 } },
	{ "as much as a page, in two",	{ { 1, 512, PAGE_SIZE } },		{ 0, 1, 1 } },
	{ "up to the end of a page",	{ { 0, 512, 2 * PAGE_SIZE - 512 } },	{ 1, 1, 0 } },
	{ "a byte more than that",	{ { 0, 512, 2 * PAGE_SIZE - 511 } },	{ 1, 1, 1 } },
	{ "all pages",			{ { 0, 0, 4 * PAGE_SIZE } },		{ 1, 1, 2 } },
	{ "an offset of several pages",	{ { 0, 3 * PAGE_SIZE + 512, 512 } },	{ 0, 0, 1 } },
	{ "a page in two bvecs",
		{ { 0, 0, 512 }, { 0, 1024, 512 } },				{ 2, 0, 0 } },
	{ "large and small",
		{ { 2, 512, PAGE_SIZE }, { 0, 0, 512 } },			{ 1, 0, 2 } },
};

NAMED_PARAMS(bvec_row);

/* Fills in the bvecs of a row, and returns how many there are. */
static unsigned int new_bvecs(struct page *pages, const struct bvec_row *row,
			      struct bio_vec *bvecs)
{
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(row->bvecs) && row->bvecs[n].len; n++)
		bvec_set_page(&bvecs[n], pages + row->bvecs[n].page,
			      row->bvecs[n].len, row->bvecs[n].offset);
	return n;
}

/* unpin_user_bvecs_dirty_lock() releases each page that has a byte of a bvec. */
static void each_page_of_a_bvec_is_released(struct kunit *test)
{
	const struct bvec_row *row = test->param_value;
	struct page *pages = new_neighbours(test);
	struct bio_vec bvecs[ARRAY_SIZE(row->bvecs)];
	unsigned int nr = new_bvecs(pages, row, bvecs);
	int i;

	/* A pin more on each folio, to be left alone */
	for (i = 0; i < 3; i++)
		pin_pages(test, pages + i, 1 + row->pins[i]);
	unpin_user_bvecs_dirty_lock(bvecs, nr, false);
	for (i = 0; i < 3; i++) {
		expect_pins(test, page_folio(pages + i), 1);
		unpin_user_page(pages + i);
	}
}

/* Of no bvecs, nothing is released. */
static void no_bvec_releases_nothing(struct kunit *test)
{
	struct folio *folio = new_folio(test, 0);
	struct bio_vec bvec;

	bvec_set_page(&bvec, &folio->page, PAGE_SIZE, 0);
	pin_pages(test, &folio->page, 1);
	unpin_user_bvecs_dirty_lock(&bvec, 0, true);
	expect_pins(test, folio, 1);
	unpin_user_page(&folio->page);
}

/*
 * What GUP-fast has pinned may be a page that was not ready: its pin count was
 * set to 0 afterwards.  Then the references go, and nothing else happens.
 */
static void gup_fast_undoes_a_pin_that_was_lost(struct kunit *test)
{
	struct folio *folio = new_folio(test, 1);

	pin_pages(test, &folio->page, 2);
	atomic_set(folio_pincount_ptr(folio), 0);
	gup_put_folio(folio, 2, FOLL_PIN);
	expect_pins(test, folio, 0);
	KUNIT_EXPECT_EQ(test, pins_released(test), 2);
}

/* A long-term pin is counted like any other. */
static void longterm_pin_is_a_pin(struct kunit *test)
{
	struct folio *folio = new_folio(test, 0);

	KUNIT_EXPECT_PTR_EQ(test, grab(&folio->page, 1, FOLL_PIN | FOLL_LONGTERM), folio);
	expect_pins(test, folio, 1);
	unpin_user_page(&folio->page);
}

/* A folio of ZONE_MOVABLE, from whichever node has one to give, or the test is skipped */
static struct folio *new_movable_folio(struct kunit *test, unsigned int order)
{
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		struct page *page = __alloc_pages_node(nid, GFP_HIGHUSER_MOVABLE | __GFP_COMP |
						       __GFP_THISNODE | __GFP_NOWARN, order);

		if (page && is_zone_movable_page(page)) {
			take_charge_of(test, page_folio(page));
			return page_folio(page);
		}
		if (page)
			put_page(page);
	}
	kunit_skip(test, "needs memory in ZONE_MOVABLE");
}

/* But it keeps out of zones from which pages must be able to move. */
static void longterm_pin_keeps_out_of_movable_zones(struct kunit *test)
{
	struct folio *folio;

	if (!IS_ENABLED(CONFIG_MIGRATION))
		kunit_skip(test, "needs CONFIG_MIGRATION");
	folio = new_movable_folio(test, 0);
	KUNIT_EXPECT_NULL(test, grab(&folio->page, 1, FOLL_PIN | FOLL_LONGTERM));
	expect_pins(test, folio, 0);
	pin_pages(test, &folio->page, 1);
	unpin_user_page(&folio->page);
}

#ifdef CONFIG_MIGRATION
/* Pages that follow each other in an array, and how many folios of them have to move */
static const struct {
	const char *name;
	struct {
		bool movable;
		unsigned int order;
		unsigned int first;	/* of the pages of the folio, up to the last */
	} folios[3];
	unsigned int nr_folios;
	unsigned long to_move;
} move_rows[] = {
	{ "small, stays",			{ { false, 0 } }, 1, 0 },
	{ "small, moves",			{ { true, 0 } }, 1, 1 },
	{ "large, stays",			{ { false, 2 } }, 1, 0 },
	{ "large, moves",			{ { true, 2 } }, 1, 1 },
	{ "one page of a large, moves",		{ { true, 2, 3 } }, 1, 1 },
	{ "behind a small that stays",		{ { false, 0 }, { true, 0 } }, 2, 1 },
	{ "behind a large that stays",		{ { false, 2 }, { true, 0 } }, 2, 1 },
	{ "behind a part of one that stays",	{ { false, 2, 2 }, { true, 0 } }, 2, 1 },
	{ "behind a large that moves",		{ { true, 2 }, { true, 0 } }, 2, 2 },
	{ "before a large that stays",		{ { true, 0 }, { false, 2 } }, 2, 1 },
	{ "before and behind a large",		{ { true, 0 }, { false, 2 }, { true, 2 } }, 3, 2 },
};

/* Before a long-term pin, each folio that must not stay is found, and found once. */
static void folios_that_have_to_move_are_found(struct kunit *test)
{
	unsigned int row, i, nth;

	for (row = 0; row < ARRAY_SIZE(move_rows); row++) {
		struct page *pages[3 * 4];
		unsigned long nr = 0, to_move;
		LIST_HEAD(isolated);

		for (i = 0; i < move_rows[row].nr_folios; i++) {
			unsigned int order = move_rows[row].folios[i].order;
			struct folio *folio = move_rows[row].folios[i].movable ?
				new_movable_folio(test, order) : new_folio(test, order);

			for (nth = move_rows[row].folios[i].first; nth < 1U << order; nth++)
				pages[nr++] = folio_page(folio, nth);
		}
		to_move = collect_longterm_unpinnable_pages(&isolated, nr, pages);
		KUNIT_EXPECT_EQ_MSG(test, to_move, move_rows[row].to_move,
				    "%s", move_rows[row].name);
		/* They were on no list that they could be taken from. */
		KUNIT_EXPECT_TRUE(test, list_empty(&isolated));
	}
}
#else
static void folios_that_have_to_move_are_found(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_MIGRATION");
}
#endif

/* Nothing is done with the zero page, and nothing fails. */
static void zero_page_is_not_counted(struct kunit *test)
{
	struct page *zero = ZERO_PAGE(0);
	int refs = page_ref_count(zero), err;

	KUNIT_EXPECT_PTR_EQ(test, grab(zero, 3, FOLL_PIN), page_folio(zero));
	KUNIT_EXPECT_EQ(test, page_ref_count(zero), refs);
	KUNIT_EXPECT_TRUE(test, try_grab_page(zero, FOLL_PIN));
	KUNIT_EXPECT_EQ(test, page_ref_count(zero), refs);
	err = pin_user_page(zero);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, page_ref_count(zero), refs);

	unpin_user_page(zero);
	unpin_range(page_folio(zero), 0, 1);
	unpin_user_page_range_dirty_lock(zero, 1, false);
	gup_put_folio(page_folio(zero), 2, FOLL_PIN);
	KUNIT_EXPECT_EQ(test, page_ref_count(zero), refs);
	KUNIT_EXPECT_EQ(test, pins_acquired(test), 0);
	KUNIT_EXPECT_EQ(test, pins_released(test), 0);
}

/* Memory that was never written to is the zero page: when it is mapped, and then. */
static void untouched_memory_is_pinned_without_counting(struct kunit *test)
{
	struct user_memory memory = map_user_memory(test, USER_PAGES);
	struct page *pages[USER_PAGES] = { };
	int i, round;

	if (!memory.mm)
		return;
	for (round = 0; round < 2; round++) {
		long pinned = pin_user_pages_fast(memory.addr, USER_PAGES, 0, pages);

		KUNIT_EXPECT_EQ(test, pinned, USER_PAGES);
		for (i = 0; i < pinned; i++)
			KUNIT_EXPECT_TRUE(test, is_zero_page(pages[i]));
		if (pinned > 0)
			unpin_user_pages(pages, pinned);
	}
	KUNIT_EXPECT_EQ(test, pins_acquired(test), 0);
	KUNIT_EXPECT_EQ(test, pins_released(test), 0);
	unmap_user_memory(memory);
}

/* A reference to the zero page is one, though: it is not special to FOLL_GET. */
static void zero_page_is_referenced(struct kunit *test)
{
	struct page *zero = ZERO_PAGE(0);
	int refs = page_ref_count(zero);

	KUNIT_EXPECT_TRUE(test, try_grab_page(zero, FOLL_GET));
	KUNIT_EXPECT_PTR_EQ(test, grab(zero, 1, FOLL_GET), page_folio(zero));
	KUNIT_EXPECT_EQ(test, page_ref_count(zero), refs + 2);
	gup_put_folio(page_folio(zero), 2, FOLL_GET);
	KUNIT_EXPECT_EQ(test, page_ref_count(zero), refs);
}

/* The huge zero page is a large folio like any other. */
static void huge_zero_page_is_pinned(struct kunit *test)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	struct mm_struct *mm = mm_alloc();
	struct folio *folio;
	struct page *page;
	int refs;

	KUNIT_ASSERT_NOT_NULL(test, mm);
	page = mm_get_huge_zero_page(mm);
	if (!page) {
		mmput(mm);
		kunit_skip(test, "no huge zero page");
	}
	folio = page_folio(page);
	refs = folio_ref_count(folio);

	pin_pages(test, folio_page(folio, 1), 3);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), refs + 3 * LARGE_PIN_REFS);
	KUNIT_EXPECT_EQ(test, pincount_of(folio), 3);
	unpin_range(folio, 1, 3);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), refs);
	KUNIT_EXPECT_EQ(test, pincount_of(folio), 0);
	mmput(mm);
#else
	kunit_skip(test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
#endif
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
#define MIDDLE	3	/* some page of a huge page */
#define ACROSS	(HPAGE_PMD_NR + 2)

/* The slow path, also for those who want to know the vmas */
static long pin_slowly(unsigned long addr, unsigned long npages, struct page **pages,
		       struct vm_area_struct **vmas)
{
	long pinned;

	mmap_read_lock(current->mm);
	pinned = pin_user_pages(addr, npages, FOLL_WRITE, pages, vmas);
	mmap_read_unlock(current->mm);
	return pinned;
}

static long get_slowly(unsigned long addr, unsigned long npages, struct page **pages)
{
	long got;

	mmap_read_lock(current->mm);
	got = get_user_pages(addr, npages, FOLL_WRITE, pages, NULL);
	mmap_read_unlock(current->mm);
	return got;
}

static void expect_parts_of_two_huge_pages(struct kunit *test, struct page **pages, bool pinned)
{
	struct folio *folios[2] = {
		page_folio(pages[0]), page_folio(pages[ACROSS - 1]),
	};
	const int parts[2] = { HPAGE_PMD_NR - MIDDLE, ACROSS - (HPAGE_PMD_NR - MIDDLE) };
	int wrong = 0, i;

	for (i = 0; i < ACROSS; i++)
		wrong += pages[i] != (i < parts[0] ? folio_page(folios[0], MIDDLE + i) :
						     folio_page(folios[1], i - parts[0]));
	KUNIT_EXPECT_EQ_MSG(test, wrong, 0, "other pages than expected");
	for (i = 0; i < 2; i++) {
		/* One reference is of the page table. */
		KUNIT_EXPECT_EQ(test, folio_ref_count(folios[i]), 1 + parts[i]);
		KUNIT_EXPECT_EQ(test, pincount_of(folios[i]), pinned ? parts[i] : 0);
	}
}

/* A call that begins and ends within huge pages holds each page once, and no other. */
static void gup_takes_parts_of_huge_pages(struct kunit *test)
{
	struct page **pages = kunit_kcalloc(test, ACROSS, sizeof(*pages), GFP_KERNEL);
	struct vm_area_struct **vmas = kunit_kcalloc(test, ACROSS, sizeof(*vmas), GFP_KERNEL);
	struct user_memory memory = map_user_memory(test, 3 * HPAGE_PMD_NR);
	unsigned long addr = ALIGN(memory.addr, HPAGE_PMD_SIZE) + MIDDLE * PAGE_SIZE;
	bool small = false;
	long held;
	int i;

	if (!memory.mm)
		return;
	if (!pages || !vmas)
		goto out;
	held = get_slowly(addr, ACROSS, pages);
	KUNIT_EXPECT_EQ(test, held, ACROSS);
	if (held == ACROSS) {
		small = !PageTransCompound(pages[0]) || !PageTransCompound(pages[ACROSS - 1]);
		if (!small)
			expect_parts_of_two_huge_pages(test, pages, false);
	}
	if (held > 0)
		release_pages(pages, held);
	if (small)
		goto out;

	for (i = 0; i < 3; i++) {
		held = i == 0 ? pin_slowly(addr, ACROSS, pages, NULL) :
		       i == 1 ? pin_slowly(addr, ACROSS, pages, vmas) :
				pin_user_pages_fast(addr, ACROSS, FOLL_WRITE, pages);
		KUNIT_EXPECT_EQ(test, held, ACROSS);
		if (held == ACROSS)
			expect_parts_of_two_huge_pages(test, pages, true);
		if (held > 0)
			unpin_user_pages(pages, held);
	}
	mmap_read_lock(memory.mm);
	for (i = 0; i < ACROSS; i++)
		if (vmas[i] != find_vma(memory.mm, addr))
			break;
	mmap_read_unlock(memory.mm);
	KUNIT_EXPECT_EQ_MSG(test, i, ACROSS, "the first page whose vma is wrong");
out:
	unmap_user_memory(memory);
	KUNIT_EXPECT_NOT_NULL(test, pages);
	KUNIT_EXPECT_NOT_NULL(test, vmas);
	if (small)
		kunit_skip(test, "no huge pages to be had");
}

/* Where a huge page has room for some of the pins only, these are taken. */
static void slow_gup_stops_in_a_full_huge_page(struct kunit *test)
{
	struct user_memory memory = map_user_memory(test, 2 * HPAGE_PMD_NR);
	unsigned long addr = ALIGN(memory.addr, HPAGE_PMD_SIZE);
	struct page *first, *pages[8];
	long held, most;
	bool huge;

	if (!memory.mm)
		return;
	held = get_slowly(addr, 1, &first);
	KUNIT_EXPECT_EQ(test, held, 1);
	if (held != 1) {
		unmap_user_memory(memory);
		return;
	}
	huge = PageTransCompound(first);
	if (huge) {
		most = HIGHEST_REFS - 3 - page_ref_count(first);
		page_ref_add(first, most);
		held = pin_slowly(addr, ARRAY_SIZE(pages), pages, NULL);
		KUNIT_EXPECT_EQ(test, held, 3);
		KUNIT_EXPECT_EQ(test, pincount_of(page_folio(first)), 3);
		if (held > 0)
			unpin_user_pages(pages, held);
		page_ref_sub(first, most);
	}
	put_page(first);
	unmap_user_memory(memory);
	if (!huge)
		kunit_skip(test, "no huge pages to be had");
}
#else
static void gup_takes_parts_of_huge_pages(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
}

static void slow_gup_stops_in_a_full_huge_page(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
}
#endif

static struct kunit_case gup_pin_cases[] = {
	KUNIT_CASE_PARAM(huge_page_may_be_released_in_portions, portions_row_gen_params),
	KUNIT_CASE_PARAM(try_grab_folio_takes_what_is_asked_for, page_kind_gen_params),
	KUNIT_CASE_PARAM(try_grab_page_takes_what_is_asked_for, page_kind_gen_params),
	KUNIT_CASE_PARAM(unpin_user_page_releases_one_pin, page_kind_gen_params),
	KUNIT_CASE_PARAM(each_entry_of_an_array_is_released, array_row_gen_params),
	KUNIT_CASE(neighbours_in_two_folios_are_told_apart),
	KUNIT_CASE_PARAM(each_page_of_a_range_is_released, range_row_gen_params),
	KUNIT_CASE_PARAM(each_page_of_a_bvec_is_released, bvec_row_gen_params),
	KUNIT_CASE(no_bvec_releases_nothing),
	KUNIT_CASE(gup_fast_undoes_a_pin_that_was_lost),
	KUNIT_CASE(gup_takes_parts_of_huge_pages),
	KUNIT_CASE(slow_gup_stops_in_a_full_huge_page),
	KUNIT_CASE(longterm_pin_is_a_pin),
	KUNIT_CASE(longterm_pin_keeps_out_of_movable_zones),
	KUNIT_CASE(folios_that_have_to_move_are_found),
	KUNIT_CASE(zero_page_is_not_counted),
	KUNIT_CASE(untouched_memory_is_pinned_without_counting),
	KUNIT_CASE(zero_page_is_referenced),
	KUNIT_CASE(huge_zero_page_is_pinned),
	{}
};

PIN_TEST_SUITE(gup_pin);

/* pin_user_page() */

enum exclusive { NOT_EXCLUSIVE, HEAD_EXCLUSIVE, PAGE_EXCLUSIVE };

static void set_exclusive(struct page *page, enum exclusive exclusive)
{
	if (exclusive == HEAD_EXCLUSIVE)
		SetPageAnonExclusive(compound_head(page));
	else if (exclusive == PAGE_EXCLUSIVE)
		SetPageAnonExclusive(page);
}

static void clear_exclusive(struct page *page)
{
	clear_bit(PG_anon_exclusive, &compound_head(page)->flags);
	clear_bit(PG_anon_exclusive, &page->flags);
}

/* A page, as it may be handed to pin_user_page(), and what comes of it */
static struct pin_again_row {
	const char *name;
	unsigned long mapping;	/* PAGE_MAPPING_ANON, PAGE_MAPPING_KSM, or 0 */
	unsigned int order, nth;
	bool pinned;
	bool locked;
	enum exclusive exclusive;
	int err;
} pin_again_rows[] = {
	/* Anonymous pages: pinned already, and therefore exclusive */
	{ "anon, pinned", PAGE_MAPPING_ANON, .pinned = true, .exclusive = HEAD_EXCLUSIVE },
	{ "anon, not pinned", PAGE_MAPPING_ANON, .exclusive = HEAD_EXCLUSIVE, .err = -EINVAL },
	{ "anon, not pinned, locked", PAGE_MAPPING_ANON, .locked = true,
	  .exclusive = HEAD_EXCLUSIVE, .err = -EINVAL },
	{ "anon, pinned, shared", PAGE_MAPPING_ANON, .pinned = true, .err = -EINVAL },
	{ "KSM, not pinned", PAGE_MAPPING_KSM, .err = -EINVAL },
	{ "THP mapped by PMD, head", PAGE_MAPPING_ANON, HUGE_ORDER, 0, .pinned = true,
	  .exclusive = HEAD_EXCLUSIVE },
	{ "THP mapped by PMD, tail", PAGE_MAPPING_ANON, HUGE_ORDER, 7, .pinned = true,
	  .exclusive = HEAD_EXCLUSIVE },
	{ "THP mapped by PTEs, tail", PAGE_MAPPING_ANON, HUGE_ORDER, 7, .pinned = true,
	  .exclusive = PAGE_EXCLUSIVE },
	{ "THP mapped by PTEs, shared tail", PAGE_MAPPING_ANON, HUGE_ORDER, 7, .pinned = true,
	  .err = -EINVAL },
	{ "THP, not pinned", PAGE_MAPPING_ANON, HUGE_ORDER, 7, .exclusive = HEAD_EXCLUSIVE,
	  .err = -EINVAL },
	/* Others: pinned already, or locked */
	{ "file, pinned", 0, .pinned = true },
	{ "file, locked", 0, .locked = true },
	{ "file, pinned and locked", 0, .pinned = true, .locked = true },
	{ "file, neither", 0, .err = -EINVAL },
	{ "large, tail, pinned", 0, 2, 3, .pinned = true },
	{ "large, tail, locked", 0, 2, 3, .locked = true },
	{ "large, tail, neither", 0, 2, 3, .err = -EINVAL },
};

NAMED_PARAMS(pin_again_row);

/*
 * A pin is duplicated, and a locked page that is not anonymous may get a first
 * one.  Anything else is refused with one report, and changes nothing.
 */
static void pin_user_page_keeps_its_contract(struct kunit *test)
{
	const struct pin_again_row *row = test->param_value;
	struct folio *folio = new_folio(test, row->order);
	struct page *page = folio_page(folio, row->nth);
	int pins = row->pinned, err;

	folio->mapping = (void *)row->mapping;
	set_exclusive(page, row->exclusive);
	if (row->locked)
		folio_lock(folio);
	if (row->pinned)
		pin_pages(test, page, 1);

	err = pin_user_page(page);
	KUNIT_EXPECT_EQ(test, err, row->err);
	expect_pins(test, folio, pins + !row->err);
	KUNIT_EXPECT_EQ(test, pins_acquired(test), pins + !row->err);
	if (row->err)
		expect_misuse(test, page, row->mapping ?
			      "first pin of an anonymous page" :
			      "first pin of an unlocked page");

	/* Not through unpin_user_page(), which would report the shared ones */
	pins += !row->err;
	if (pins)
		unpin_folio(folio, pins);

	if (row->locked)
		folio_unlock(folio);
	clear_exclusive(page);
	folio->mapping = NULL;
}

/* Each of many duplicates is a pin of its own. */
static void pin_user_page_adds_one_pin_each_time(struct kunit *test)
{
	struct page *page = new_page_of_kind(test);
	struct folio *folio = page_folio(page);
	int i, err;

	pin_pages(test, page, 1);
	for (i = 2; i <= 5; i++) {
		err = pin_user_page(page);
		KUNIT_EXPECT_EQ(test, err, 0);
		expect_pins(test, folio, i);
	}
	unpin_user_pages((struct page *[]){ page, page, page, page, page }, 5);
	expect_pins(test, folio, 0);
}

static struct kunit_case pin_user_page_cases[] = {
	KUNIT_CASE_PARAM(pin_user_page_keeps_its_contract, pin_again_row_gen_params),
	KUNIT_CASE_PARAM(pin_user_page_adds_one_pin_each_time, page_kind_gen_params),
	{}
};

PIN_TEST_SUITE(pin_user_page);

/* Limits */

/* 1024 references on a small page look like a pin; on a large one they do not. */
static void many_references_look_like_a_pin(struct kunit *test)
{
	static const int refs[] = { 1023, 1024, 1025 };
	struct folio *folio = page_folio(new_page_of_kind(test));
	int i;

	for (i = 0; i < ARRAY_SIZE(refs); i++) {
		bool pinned = !folio_test_large(folio) && refs[i] >= SMALL_PIN_REFS;

		folio_ref_add(folio, refs[i] - 1);
		KUNIT_EXPECT_EQ_MSG(test, folio_maybe_dma_pinned(folio), pinned,
				    "%d references", refs[i]);
		KUNIT_EXPECT_EQ_MSG(test, folio_pins_at_most(folio), pinned,
				    "%d references", refs[i]);
		folio_ref_sub(folio, refs[i] - 1);
	}
}

/* The ways to take one pin */
static bool take_by_try_grab_folio(struct page *page)
{
	return grab(page, 1, FOLL_PIN);
}

static bool take_by_try_grab_page(struct page *page)
{
	return try_grab_page(page, FOLL_PIN);
}

static bool take_by_pin_user_page(struct page *page)
{
	int err = pin_user_page(page);

	return err != -ENOMEM;
}

static struct full_row {
	const char *name;
	bool (*take)(struct page *page);
	unsigned int order;
} full_rows[] = {
	{ "try_grab_folio, small",	take_by_try_grab_folio,	0 },
	{ "try_grab_folio, large",	take_by_try_grab_folio,	2 },
	{ "try_grab_page, small",	take_by_try_grab_page,	0 },
	{ "try_grab_page, large",	take_by_try_grab_page,	2 },
	{ "pin_user_page, small",	take_by_pin_user_page,	0 },
	{ "pin_user_page, large",	take_by_pin_user_page,	2 },
};

NAMED_PARAMS(full_row);

/*
 * The count goes up to its highest value and no further.  The pin that would
 * exceed it is refused, without a report and without changing anything.
 */
static void full_count_takes_no_pin(struct kunit *test)
{
	const struct full_row *row = test->param_value;
	struct page *page = folio_page(new_folio(test, row->order), row->order ? 1 : 0);
	struct folio *folio = page_folio(page);
	int one = row->order ? LARGE_PIN_REFS : SMALL_PIN_REFS;
	int room = HIGHEST_REFS - 1 - 2 * one;

	pin_pages(test, page, 1);
	folio_ref_add(folio, room);
	KUNIT_EXPECT_TRUE(test, row->take(page));
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), HIGHEST_REFS);
	KUNIT_EXPECT_EQ(test, pins_acquired(test), 2);

	/* Full */
	KUNIT_EXPECT_FALSE(test, row->take(page));
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), HIGHEST_REFS);

	/* Not full, but one reference too few */
	folio_ref_sub(folio, one - 1);
	if (one > 1) {
		KUNIT_EXPECT_FALSE(test, row->take(page));
		KUNIT_EXPECT_EQ(test, folio_ref_count(folio), HIGHEST_REFS - one + 1);
	}

	/* A pin is still a pin, and leaves room for another when it goes. */
	KUNIT_EXPECT_EQ(test, pins_acquired(test), 2);
	KUNIT_EXPECT_EQ(test, pincount_of(folio), row->order ? 2 : 0);
	unpin_user_page(page);
	KUNIT_EXPECT_TRUE(test, row->take(page));
	unpin_user_page(page);

	folio_ref_sub(folio, room - (one - 1));
	unpin_user_page(page);
	expect_pins(test, folio, 0);
}

/* References go on where pins end, and leave the pins releasable. */
static void full_count_takes_references(struct kunit *test)
{
	struct folio *folio = page_folio(new_page_of_kind(test));
	struct page *page = &folio->page;
	int room;

	pin_pages(test, page, 1);
	room = HIGHEST_REFS - folio_ref_count(folio);
	folio_ref_add(folio, room);
	KUNIT_EXPECT_FALSE(test, grab(page, 1, FOLL_PIN));
	KUNIT_EXPECT_TRUE(test, grab(page, 1, FOLL_GET));
	KUNIT_EXPECT_TRUE(test, try_grab_page(page, FOLL_GET));
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), HIGHEST_REFS + 2);
	gup_put_folio(folio, 2, FOLL_GET);
	unpin_user_page(page);
	folio_ref_sub(folio, room);
	expect_pins(test, folio, 0);
}

/* A pin can be released even if references have made the count overflow. */
static void pin_of_an_overflowed_count_is_released(struct kunit *test)
{
	struct folio *folio = page_folio(new_page_of_kind(test));
	int more = INT_MAX - 1000;

	pin_pages(test, &folio->page, 1);
	folio_ref_add(folio, more);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio) < 0, !folio_test_large(folio));
	unpin_user_page(&folio->page);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1 + more);
	folio_ref_sub(folio, more);
}

/* More pins at once than the count could ever take are refused. */
static void too_many_pins_at_once_are_refused(struct kunit *test)
{
	static const int small[] = { 2064384, 2097152, 1 << 22, INT_MAX };
	static const int large[] = { HIGHEST_REFS, HIGHEST_REFS + 1, INT_MAX };
	struct folio *folio = page_folio(new_page_of_kind(test));
	const int *pins = folio_test_large(folio) ? large : small;
	int n = folio_test_large(folio) ? ARRAY_SIZE(large) : ARRAY_SIZE(small);
	int i;

	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_NULL_MSG(test, grab(&folio->page, pins[i], FOLL_PIN),
				      "%d pins", pins[i]);
		KUNIT_EXPECT_FALSE_MSG(test, folio_try_add_pins(folio, pins[i]),
				       "%d pins", pins[i]);
		expect_pins(test, folio, 0);
	}
	KUNIT_EXPECT_EQ(test, pins_acquired(test), 0);
}

/* A full folio is released at once as well as pin by pin. */
static void most_pins_are_taken_and_released_at_once(struct kunit *test)
{
	struct folio *folio = page_folio(new_page_of_kind(test));
	int most = folio_test_large(folio) ? HIGHEST_REFS - 1 : 2064383;

	pin_pages(test, &folio->page, most);
	KUNIT_EXPECT_EQ(test, folio_pins_at_most(folio), most);
	KUNIT_EXPECT_FALSE(test, grab(&folio->page, 1, FOLL_PIN));
	KUNIT_EXPECT_EQ(test, pins_acquired(test), most);
	unpin_folio(folio, most);
	KUNIT_EXPECT_EQ(test, pins_released(test), most);
	expect_pins(test, folio, 0);
}

/*
 * GUP returns the pages before a page that is full of pins, or -ENOMEM if that
 * is the first one.
 */
static void gup_stops_at_a_full_page(struct kunit *test)
{
	struct user_memory memory = map_user_memory(test, USER_PAGES);
	struct page *pages[USER_PAGES], *again[USER_PAGES];
	long pinned, room;

	if (!memory.mm)
		return;
	pinned = pin_user_pages_fast(memory.addr, USER_PAGES, FOLL_WRITE, pages);
	KUNIT_EXPECT_EQ(test, pinned, USER_PAGES);
	if (pinned != USER_PAGES)
		goto out;

	room = HIGHEST_REFS - page_ref_count(pages[1]);
	page_ref_add(pages[1], room);
	pinned = pin_user_pages_fast(memory.addr, USER_PAGES, FOLL_WRITE, again);
	KUNIT_EXPECT_EQ(test, pinned, 1);
	if (pinned > 0)
		unpin_user_pages(again, pinned);
	pinned = pin_user_pages_fast(memory.addr + PAGE_SIZE, 1, FOLL_WRITE, again);
	KUNIT_EXPECT_EQ(test, pinned, -ENOMEM);
	page_ref_sub(pages[1], room);
	pinned = USER_PAGES;
out:
	if (pinned > 0)
		unpin_user_pages(pages, pinned);
	unmap_user_memory(memory);
}

#define NR_THREADS	4
/* Each thread has that many rounds at least, unless they take that long. */
#define NR_ROUNDS	100000
#define MAX_SECONDS	2

struct pinning_thread {
	struct task_struct *task;
	struct completion *start;
	struct folio *folio;
	unsigned int pinned, refused, exceeded;
};

static int pin_and_unpin(void *data)
{
	struct pinning_thread *thread = data;
	int i;

	wait_for_completion(thread->start);
	/* None ends before the others have begun. */
	for (i = 0; !kthread_should_stop(); i++) {
		if (!grab(&thread->folio->page, 1, FOLL_PIN)) {
			thread->refused++;
			continue;
		}
		thread->pinned++;
		if (folio_ref_count(thread->folio) > HIGHEST_REFS)
			thread->exceeded++;
		unpin_folio(thread->folio, 1);
		if (i % 100 == 0)
			cond_resched();
	}
	return 0;
}

static unsigned int rounds_of(const struct pinning_thread *thread)
{
	return READ_ONCE(thread->pinned) + READ_ONCE(thread->refused);
}

static struct threads_row {
	const char *name;
	unsigned int order;
	int room;		/* for that many pins */
} threads_rows[] = {
	{ "small, room for all",	0, NR_THREADS },
	{ "small, room for one",	0, 1 },
	{ "large, room for all",	2, NR_THREADS },
	{ "large, room for one",	2, 1 },
};

NAMED_PARAMS(threads_row);

/*
 * Many may pin and release a page at the same time.  No pin is lost, none is
 * refused as long as there is room, and none is granted beyond that.
 */
static void threads_do_not_disturb_each_other(struct kunit *test)
{
	const struct threads_row *row = test->param_value;
	struct folio *folio = new_folio(test, row->order);
	int room = row->room * (row->order ? LARGE_PIN_REFS : SMALL_PIN_REFS);
	int more = HIGHEST_REFS - room - folio_ref_count(folio);
	struct pinning_thread threads[NR_THREADS] = { };
	unsigned long end = jiffies + MAX_SECONDS * HZ;
	DECLARE_COMPLETION_ONSTACK(start);
	unsigned int pinned = 0;
	int i;

	folio_ref_add(folio, more);
	for (i = 0; i < NR_THREADS; i++) {
		threads[i].start = &start;
		threads[i].folio = folio;
		threads[i].task = kthread_create(pin_and_unpin, &threads[i], "pin/%d", i);
		if (IS_ERR(threads[i].task))
			continue;
		/* All CPUs take part from the start on. */
		kthread_bind(threads[i].task, cpumask_local_spread(i, NUMA_NO_NODE));
		wake_up_process(threads[i].task);
	}
	complete_all(&start);
	for (i = 0; i < NR_THREADS; i++)
		while (!IS_ERR(threads[i].task) && rounds_of(&threads[i]) < NR_ROUNDS &&
		       time_before(jiffies, end))
			schedule_timeout_uninterruptible(1);
	for (i = 0; i < NR_THREADS; i++) {
		if (IS_ERR(threads[i].task)) {
			KUNIT_FAIL(test, "thread %d: %pe", i, threads[i].task);
			continue;
		}
		kthread_stop(threads[i].task);
		pinned += threads[i].pinned;
		KUNIT_EXPECT_EQ_MSG(test, threads[i].exceeded, 0, "thread %d", i);
		if (row->room == NR_THREADS)
			KUNIT_EXPECT_EQ_MSG(test, threads[i].refused, 0, "thread %d", i);
	}
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), HIGHEST_REFS - room);
	KUNIT_EXPECT_EQ(test, pins_acquired(test), pinned);
	KUNIT_EXPECT_GT(test, pinned, 0);
	folio_ref_sub(folio, more);
	expect_pins(test, folio, 0);
}

static struct kunit_case pin_limit_cases[] = {
	KUNIT_CASE_PARAM(many_references_look_like_a_pin, page_kind_gen_params),
	KUNIT_CASE_PARAM(full_count_takes_no_pin, full_row_gen_params),
	KUNIT_CASE_PARAM(full_count_takes_references, page_kind_gen_params),
	KUNIT_CASE_PARAM(too_many_pins_at_once_are_refused, page_kind_gen_params),
	KUNIT_CASE_PARAM(most_pins_are_taken_and_released_at_once, page_kind_gen_params),
	KUNIT_CASE_PARAM(pin_of_an_overflowed_count_is_released, page_kind_gen_params),
	KUNIT_CASE(gup_stops_at_a_full_page),
	KUNIT_CASE_PARAM(threads_do_not_disturb_each_other, threads_row_gen_params),
	{}
};

PIN_TEST_SUITE(pin_limit);

/* Mistakes */

static struct release_row {
	const char *name;
	unsigned int order;
	int pinned, released;
} release_rows[] = {
	{ "small, none of none",	0, 0, 1 },
	{ "small, two of one",		0, 1, 2 },
	{ "small, 1000 of three",	0, 3, 1000 },
	{ "small, 2^22 of one",		0, 1, 1 << 22 },
	{ "small, 2^22 + 1 of one",	0, 1, (1 << 22) + 1 },
	{ "small, a negative number",	0, 1, INT_MIN },
	{ "large, none of none",	2, 0, 1 },
	{ "large, two of one",		2, 1, 2 },
	{ "large, 1000 of three",	2, 3, 1000 },
	{ "large, 2^22 of one",		2, 1, 1 << 22 },
	{ "large, a negative number",	2, 1, INT_MIN },
};

NAMED_PARAMS(release_row);

/* Releasing more pins than there are is reported, and changes nothing. */
static void releasing_too_many_pins_is_reported(struct kunit *test)
{
	const struct release_row *row = test->param_value;
	struct folio *folio = new_folio(test, row->order);

	if (row->pinned)
		pin_pages(test, &folio->page, row->pinned);
	unpin_folio(folio, row->released);
	expect_misuse(test, &folio->page, "unpinned more often than pinned");
	expect_pins(test, folio, row->pinned);
	KUNIT_EXPECT_EQ(test, pins_released(test), 0);
	if (row->pinned)
		unpin_folio(folio, row->pinned);
}

/* Once is enough, and each of the functions for it finds out. */
static void wrong_release_is_reported_once(struct kunit *test)
{
	struct folio *folio = new_folio(test, 0);
	struct page *page = &folio->page;

	unpin_user_page(page);
	unpin_user_page(page);
	expect_misuse(test, page, "unpinned more often than pinned");
	unpin_user_pages(&page, 1);
	expect_misuse(test, page, "unpinned more often than pinned");
	unpin_user_pages_dirty_lock(&page, 1, false);
	expect_misuse(test, page, "unpinned more often than pinned");
	unpin_user_page_range_dirty_lock(page, 1, false);
	expect_misuse(test, page, "unpinned more often than pinned");
	unpin_range(folio, 0, 1);
	expect_misuse(test, page, "unpinned more often than pinned");
	expect_pins(test, folio, 0);
}

/* So is a _pincount that is wrong already. */
static void negative_pincount_is_reported(struct kunit *test)
{
	struct folio *folio = new_folio(test, 1);

	atomic_set(folio_pincount_ptr(folio), -1);
	KUNIT_EXPECT_FALSE(test, folio_maybe_dma_pinned(folio));
	unpin_user_page(&folio->page);
	expect_misuse(test, &folio->page, "unpinned more often than pinned");
	KUNIT_EXPECT_EQ(test, pincount_of(folio), -1);
	atomic_set(folio_pincount_ptr(folio), 0);
}

/* A small page with very many references hides it: that is known. */
static void many_references_hide_a_wrong_release(struct kunit *test)
{
	struct folio *folio = new_folio(test, 0);

	folio_ref_add(folio, SMALL_PIN_REFS);
	unpin_user_page(&folio->page);
	expect_pins(test, folio, 0);
	/* Even out the statistics. */
	pin_pages(test, &folio->page, 1);
	folio_ref_sub(folio, SMALL_PIN_REFS);
}

static struct bad_count_row {
	const char *name;
	int refs;
	bool (*take)(struct page *page);
	const char *reason;
} bad_count_rows[] = {
	{ "try_grab_folio, negative",	-1, take_by_try_grab_folio,
	  "pinned at a negative count" },
	{ "try_grab_page, negative",	-1, take_by_try_grab_page,
	  "pinned without references" },
	{ "try_grab_page, none",	0,  take_by_try_grab_page,
	  "pinned without references" },
	{ "try_grab_folio, none",	0,  take_by_try_grab_folio, NULL },
};

NAMED_PARAMS(bad_count_row);

/*
 * A count that cannot be is reported, and not made worse.  Only GUP-fast may
 * come across a folio without references: it is just being freed.
 */
static void impossible_count_is_reported(struct kunit *test)
{
	const struct bad_count_row *row = test->param_value;
	struct folio *folio = new_folio(test, 0);

	folio_set_count(folio, row->refs);
	KUNIT_EXPECT_FALSE(test, row->take(&folio->page));
	if (row->reason)
		expect_misuse(test, &folio->page, row->reason);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), row->refs);
	KUNIT_EXPECT_EQ(test, pins_acquired(test), 0);
	folio_set_count(folio, 1);
}

/* Flags that ask for nothing are reported. */
static void senseless_flags_are_reported(struct kunit *test)
{
	struct folio *folio = new_folio(test, 0);

	KUNIT_EXPECT_NULL(test, grab(&folio->page, 1, FOLL_WRITE));
	expect_misuse(test, &folio->page, "grabbed with neither FOLL_GET nor FOLL_PIN");
	expect_pins(test, folio, 0);
}

enum release_by { UNPIN_PAGE, UNPIN_PAGES, UNPIN_DIRTY, UNPIN_BVEC };

static struct shared_row {
	const char *name;
	enum release_by by;
	unsigned int order, nth;
	enum exclusive exclusive;
} shared_rows[] = {
	{ "small, unpin_user_page",		UNPIN_PAGE,	   0, 0, NOT_EXCLUSIVE },
	{ "small, unpin_user_pages",		UNPIN_PAGES,	   0, 0, NOT_EXCLUSIVE },
	{ "small, unpin_user_pages_dirty_lock",	UNPIN_DIRTY,	   0, 0, NOT_EXCLUSIVE },
	{ "small, unpin_user_bvecs_dirty_lock",	UNPIN_BVEC, 0, 0, NOT_EXCLUSIVE },
	{ "tail, unpin_user_page",		UNPIN_PAGE,	   2, 3, NOT_EXCLUSIVE },
	{ "tail, unpin_user_bvecs_dirty_lock",	UNPIN_BVEC, 2, 3, NOT_EXCLUSIVE },
	{ "head, unpin_user_bvecs_dirty_lock",	UNPIN_BVEC, 2, 0, NOT_EXCLUSIVE },
	{ "exclusive, small",			UNPIN_BVEC, 0, 0, HEAD_EXCLUSIVE },
	{ "exclusive, mapped by PMD",		UNPIN_BVEC, 2, 3, HEAD_EXCLUSIVE },
	{ "exclusive, mapped by PTEs",		UNPIN_BVEC, 2, 3, PAGE_EXCLUSIVE },
	{ "exclusive, unpin_user_page",		UNPIN_PAGE,	   2, 3, PAGE_EXCLUSIVE },
};

NAMED_PARAMS(shared_row);

/*
 * An anonymous page that is pinned must be exclusive.  It is that page that
 * counts, not the head page of its folio, unless that has the bit for all.
 */
static void shared_page_is_reported_when_unpinned(struct kunit *test)
{
	const struct shared_row *row = test->param_value;
	struct folio *folio = new_folio(test, row->order);
	struct page *page = folio_page(folio, row->nth);

	if (!IS_ENABLED(CONFIG_DEBUG_VM))
		kunit_skip(test, "needs CONFIG_DEBUG_VM");

	pin_pages(test, page, 1);
	folio->mapping = (void *)PAGE_MAPPING_ANON;
	set_exclusive(page, row->exclusive);

	switch (row->by) {
	case UNPIN_PAGE:
		unpin_user_page(page);
		break;
	case UNPIN_PAGES:
		unpin_user_pages(&page, 1);
		break;
	case UNPIN_DIRTY:
		folio_set_dirty(folio);
		unpin_user_pages_dirty_lock(&page, 1, true);
		folio_clear_dirty(folio);
		break;
	case UNPIN_BVEC:
		unpin_range(folio, row->nth, 1);
		break;
	}
	if (row->exclusive == NOT_EXCLUSIVE)
		expect_misuse(test, page, "a pinned page is shared");
	expect_pins(test, folio, 0);

	clear_exclusive(page);
	folio->mapping = NULL;
}

static struct checked_row {
	const char *name;
	int exclusive;		/* page that is */
	int reported;
} checked_rows[] = {
	{ "first of three is exclusive",	1, 2 },
	{ "last of three is exclusive",		3, 1 },
};

NAMED_PARAMS(checked_row);

/*
 * All pages are looked at, one after the other, for as long as they are good.
 * GUP-fast does not look at what it releases after a fork(): it may be shared.
 */
static void every_page_is_checked(struct kunit *test)
{
	const struct checked_row *row = test->param_value;
	struct folio *folio = new_folio(test, 2);
	struct page *pages[] = {
		folio_page(folio, 1), folio_page(folio, 2), folio_page(folio, 3),
	};

	if (!IS_ENABLED(CONFIG_DEBUG_VM))
		kunit_skip(test, "needs CONFIG_DEBUG_VM");

	folio->mapping = (void *)PAGE_MAPPING_ANON;
	SetPageAnonExclusive(folio_page(folio, row->exclusive));

	pin_pages(test, pages[0], 3);
	unpin_range(folio, 1, 3);
	expect_misuse(test, folio_page(folio, row->reported), "a pinned page is shared");
	pin_pages(test, pages[0], 3);
	unpin_user_pages(pages, 3);
	expect_misuse(test, folio_page(folio, row->reported), "a pinned page is shared");
	pin_pages(test, pages[0], 3);
	unpin_user_pages_lockless(pages, 3);

	expect_pins(test, folio, 0);
	ClearPageAnonExclusive(folio_page(folio, row->exclusive));
	folio->mapping = NULL;
}

/*
 * Pinned, but released with put_page(): nobody knows until it is freed.  It is
 * not given back to the allocator then, so a page is lost here.
 */
static void compound_page_freed_while_pinned_is_reported(struct kunit *test)
{
	struct page *page = new_pages(test, __GFP_COMP, 1);

	pin_pages(test, page, 1);
	put_page(page);
	KUNIT_EXPECT_EQ(test, page_ref_count(page), 1);
	put_page(page);
	expect_misuse(test, page, "nonzero compound_pincount");
	KUNIT_EXPECT_TRUE(test, test_bit(PG_head, &page->flags));
	count_lost_pins(page, 1);
}

/* Without pins it is given back. */
static void compound_page_freed_without_pins_is_fine(struct kunit *test)
{
	struct page *page = new_pages(test, __GFP_COMP, 1);
	bool head;
	unsigned long flags;

	pin_pages(test, page, 1);
	unpin_user_page(page);
	local_irq_save(flags);
	put_page(page);
	head = test_bit(PG_head, &page->flags);
	local_irq_restore(flags);
	KUNIT_EXPECT_FALSE(test, head);
}

#ifdef CONFIG_HUGETLB_PAGE
static struct page *new_hugetlb_page(struct kunit *test)
{
	struct page *page = NULL;

	if (hugepages_supported())
		page = alloc_huge_page_nodemask(&default_hstate, numa_mem_id(), NULL, GFP_KERNEL);
	if (!page)
		kunit_skip(test, "no hugetlb page to be had");
	return page;
}
#else
static struct page *new_hugetlb_page(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_HUGETLB_PAGE");
	return NULL;
}
#endif

/* A hugetlb page goes back to its pool, or the allocator, without a pin count. */
static void hugetlb_page_freed_while_pinned_is_reported(struct kunit *test)
{
	struct page *page = new_hugetlb_page(test);

	pin_pages(test, page, 1);
	put_page(page);
	put_page(page);
	expect_misuse(test, page, "huge page freed while pinned");
	KUNIT_EXPECT_EQ(test, atomic_read(compound_pincount_ptr(page)), 0);
	count_lost_pins(page, 1);
}

/* It is exclusive as a whole, and the bit of a tail page means something else. */
static void hugetlb_tail_is_judged_by_its_head(struct kunit *test)
{
	struct page *page = new_hugetlb_page(test);
	struct page *tail = nth_page(page, 1);

	if (!IS_ENABLED(CONFIG_DEBUG_VM)) {
		put_page(page);
		kunit_skip(test, "needs CONFIG_DEBUG_VM");
	}
	pin_pages(test, tail, 1);
	page->mapping = (void *)PAGE_MAPPING_ANON;
	set_bit(PG_anon_exclusive, &tail->flags);
	unpin_user_page(tail);
	expect_misuse(test, tail, "a pinned page is shared");
	clear_bit(PG_anon_exclusive, &tail->flags);
	page->mapping = NULL;
	put_page(page);
}

/* A huge page that is mapped for the first time may have been pinned before. */
static void new_huge_page_keeps_its_pins(struct kunit *test)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	struct anon_vma anon_vma = { };
	struct vm_area_struct vma = { .vm_end = HPAGE_PMD_SIZE, .anon_vma = &anon_vma };
	struct folio *folio;
	int pins;

	if (HPAGE_PMD_SIZE > MOST_MEMORY)
		kunit_skip(test, "huge pages are too large");
	folio = new_folio(test, HPAGE_PMD_ORDER);
	pin_pages(test, &folio->page, 1);
	/* As under the lock of a page table */
	preempt_disable();
	page_add_new_anon_rmap(&folio->page, &vma, 0);
	pins = pincount_of(folio);
	page_remove_rmap(&folio->page, &vma, true);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, pins, 1);

	unpin_user_page(&folio->page);
	ClearPageAnonExclusive(&folio->page);
	folio_clear_swapbacked(folio);
	folio->mapping = NULL;
#else
	kunit_skip(test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
#endif
}

static struct kunit_case pin_misuse_cases[] = {
	KUNIT_CASE_PARAM(releasing_too_many_pins_is_reported, release_row_gen_params),
	KUNIT_CASE(wrong_release_is_reported_once),
	KUNIT_CASE(negative_pincount_is_reported),
	KUNIT_CASE(many_references_hide_a_wrong_release),
	KUNIT_CASE_PARAM(impossible_count_is_reported, bad_count_row_gen_params),
	KUNIT_CASE(senseless_flags_are_reported),
	KUNIT_CASE_PARAM(shared_page_is_reported_when_unpinned, shared_row_gen_params),
	KUNIT_CASE_PARAM(every_page_is_checked, checked_row_gen_params),
	KUNIT_CASE(compound_page_freed_while_pinned_is_reported),
	KUNIT_CASE(compound_page_freed_without_pins_is_fine),
	KUNIT_CASE(hugetlb_page_freed_while_pinned_is_reported),
	KUNIT_CASE(hugetlb_tail_is_judged_by_its_head),
	KUNIT_CASE(new_huge_page_keeps_its_pins),
	{}
};

PIN_TEST_SUITE(pin_misuse);

/* Statistics */

/* The node of a folio counts exactly its pins, and no other node counts any. */
static void each_node_counts_its_pins(struct kunit *test)
{
	const struct page_kind *kind = test->param_value;
	int nodes = 0, nid, err;

	for_each_node_state(nid, N_NORMAL_MEMORY) {
		struct pglist_data *pgdat = NODE_DATA(nid);
		struct page *page = alloc_pages_node(nid, GFP_KERNEL | __GFP_COMP |
						     __GFP_THISNODE | __GFP_NOWARN, kind->order);
		struct pin_fixture *fixture = test->priv;
		long acquired = node_count(test, pgdat, NR_FOLL_PIN_ACQUIRED);
		long released = node_count(test, pgdat, NR_FOLL_PIN_RELEASED);
		long all_acquired = pins_acquired(test);
		long all_released = pins_released(test);
		struct folio *folio;

		/* A node may have too little memory. */
		if (!page)
			continue;
		if (fixture->nr_folios == MAX_FOLIOS) {
			put_page(page);
			break;
		}
		nodes++;
		folio = page_folio(page);
		take_charge_of(test, folio);
		page = folio_page(folio, kind->nth);

		pin_pages(test, page, 1);
		pin_pages(test, page, 4);
		KUNIT_EXPECT_TRUE(test, try_grab_page(page, FOLL_PIN));
		err = pin_user_page(page);
		KUNIT_EXPECT_EQ(test, err, 0);
		KUNIT_EXPECT_EQ(test, node_count(test, pgdat, NR_FOLL_PIN_ACQUIRED) - acquired, 7);
		KUNIT_EXPECT_EQ(test, node_count(test, pgdat, NR_FOLL_PIN_RELEASED) - released, 0);

		unpin_user_page(page);
		unpin_range(folio, 0, 1);
		unpin_folio(folio, 5);
		KUNIT_EXPECT_EQ(test, node_count(test, pgdat, NR_FOLL_PIN_ACQUIRED) - acquired, 7);
		KUNIT_EXPECT_EQ(test, node_count(test, pgdat, NR_FOLL_PIN_RELEASED) - released, 7);
		KUNIT_EXPECT_EQ(test, pins_acquired(test) - all_acquired, 7);
		KUNIT_EXPECT_EQ(test, pins_released(test) - all_released, 7);
	}
	KUNIT_EXPECT_GT(test, nodes, 0);
}

/* Pages of two nodes in turn, in one array: each is counted where it is. */
static void array_of_two_nodes_is_counted_by_node(struct kunit *test)
{
	int first = first_node(node_states[N_NORMAL_MEMORY]);
	int nodes[2] = { first, next_node(first, node_states[N_NORMAL_MEMORY]) };
	struct page *pages[4];
	long before[2];
	int i;

	if (nodes[1] >= MAX_NUMNODES)
		kunit_skip(test, "needs memory on two nodes");

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = __alloc_pages_node(nodes[i % 2], GFP_KERNEL | __GFP_THISNODE, 0);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
		take_charge_of(test, page_folio(pages[i]));
		pin_pages(test, pages[i], 1);
	}
	for (i = 0; i < 2; i++)
		before[i] = node_count(test, NODE_DATA(nodes[i]), NR_FOLL_PIN_RELEASED);
	unpin_user_pages(pages, ARRAY_SIZE(pages));
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, node_count(test, NODE_DATA(nodes[i]), NR_FOLL_PIN_RELEASED),
				before[i] + 2);
}

/* So is what GUP pins, fast or slow, by one call. */
static void pages_of_one_call_are_counted(struct kunit *test)
{
	struct user_memory memory = map_user_memory(test, USER_PAGES);
	struct page *pages[USER_PAGES];
	long pinned;
	int round;

	if (!memory.mm)
		return;
	/* The first time GUP-fast leaves them to the slow path, as they are not there. */
	for (round = 1; round <= 2; round++) {
		pinned = pin_user_pages_fast(memory.addr, USER_PAGES, FOLL_WRITE, pages);
		KUNIT_EXPECT_EQ(test, pinned, USER_PAGES);
		KUNIT_EXPECT_EQ(test, pins_acquired(test), round * USER_PAGES);
		if (pinned > 0)
			unpin_user_pages(pages, pinned);
		KUNIT_EXPECT_EQ(test, pins_released(test), round * USER_PAGES);
	}
	unmap_user_memory(memory);
}

/* References are not pins. */
static void references_are_not_counted(struct kunit *test)
{
	struct page *page = new_page_of_kind(test);

	grab(page, 3, FOLL_GET);
	KUNIT_EXPECT_TRUE(test, try_grab_page(page, FOLL_GET));
	gup_put_folio(page_folio(page), 4, FOLL_GET);
	KUNIT_EXPECT_EQ(test, pins_acquired(test), 0);
	KUNIT_EXPECT_EQ(test, pins_released(test), 0);
}

static struct kunit_case pin_stat_cases[] = {
	KUNIT_CASE_PARAM(each_node_counts_its_pins, page_kind_gen_params),
	KUNIT_CASE(array_of_two_nodes_is_counted_by_node),
	KUNIT_CASE(pages_of_one_call_are_counted),
	KUNIT_CASE_PARAM(references_are_not_counted, page_kind_gen_params),
	{}
};

PIN_TEST_SUITE(pin_stat);

/* Dirty pages */

static unsigned int times_dirtied, times_dirtied_wrongly;

/* In place of a file system's: it may rely on the lock, and on the pin. */
static bool count_dirtied(struct address_space *mapping, struct folio *folio)
{
	times_dirtied++;
	if (!folio_test_locked(folio) || !folio_maybe_dma_pinned(folio))
		times_dirtied_wrongly++;
	return !folio_test_set_dirty(folio);
}

static const struct address_space_operations counting_aops = {
	.dirty_folio = count_dirtied,
};

static struct address_space counting_mapping = {
	.a_ops = &counting_aops,
};

static void put_into_mapping(struct folio *folio, bool dirty)
{
	folio->mapping = &counting_mapping;
	if (dirty)
		folio_set_dirty(folio);
	times_dirtied = 0;
	times_dirtied_wrongly = 0;
}

static void take_out_of_mapping(struct kunit *test, struct folio *folio, bool dirty)
{
	KUNIT_EXPECT_EQ(test, folio_test_dirty(folio), dirty);
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	KUNIT_EXPECT_EQ(test, times_dirtied_wrongly, 0);
	folio->mapping = NULL;
	folio_clear_dirty(folio);
}

static struct dirty_row {
	const char *name;
	const char *pages;
	bool make_dirty, dirty_before;
	unsigned int dirtied;
} dirty_rows[] = {
	{ "small",			"s",	true,  false, 1 },
	{ "small, not asked for",	"s",	false, false, 0 },
	{ "small, dirty before",	"s",	true,  true,  0 },
	{ "small, twice",		"ss",	true,  false, 1 },
	{ "large, head",		"0",	true,  false, 1 },
	{ "large, tail",		"3",	true,  false, 1 },
	{ "large, all",			"0123",	true,  false, 1 },
	{ "large, not asked for",	"01",	false, false, 0 },
	{ "large, dirty before",	"03",	true,  true,  0 },
	{ "small and large in turn",	"0s1s",	true,  false, 2 },
};

NAMED_PARAMS(dirty_row);

/*
 * Pages are made dirty only when that is asked for, under the folio's lock, while
 * they are pinned, and a compound page once: it is dirty as a whole.
 */
static void folios_are_dirtied_once_and_when_asked(struct kunit *test)
{
	const struct dirty_row *row = test->param_value;
	bool small = row->dirty_before || (row->make_dirty && strchr(row->pages, 's'));
	bool large = row->dirty_before || (row->make_dirty && strpbrk(row->pages, "0123"));
	struct page_array array;

	new_page_array(test, &array, row->pages);
	pin_page_array(test, &array);
	put_into_mapping(array.small, row->dirty_before);
	put_into_mapping(array.large, row->dirty_before);
	if (row->make_dirty)
		release_dirty(array.pages, array.npages);
	else
		release_clean(array.pages, array.npages);
	KUNIT_EXPECT_EQ(test, times_dirtied, row->dirtied);
	take_out_of_mapping(test, array.small, small);
	take_out_of_mapping(test, array.large, large);
	expect_pins(test, array.small, 0);
	expect_pins(test, array.large, 0);
}

static struct dirty_range_row {
	const char *name;
	int first, npages;
	bool make_dirty, dirty_before;
	unsigned int dirtied;
} dirty_range_rows[] = {
	{ "small",			0, 1, true,  false, 1 },
	{ "small, not asked for",	0, 1, false, false, 0 },
	{ "small, dirty before",	0, 1, true,  true,  0 },
	{ "large",			2, 2, true,  false, 1 },
	{ "large, not asked for",	2, 2, false, false, 0 },
	{ "large, dirty before",	2, 2, true,  true,  0 },
	{ "all",			0, 4, true,  false, 3 },
};

NAMED_PARAMS(dirty_range_row);

/* The same for ranges */
static void range_is_dirtied_once_and_when_asked(struct kunit *test)
{
	const struct dirty_range_row *row = test->param_value;
	struct page *pages = new_neighbours(test);
	int i;

	for (i = row->first; i < row->first + row->npages; i++)
		pin_pages(test, pages + i, 1);
	for (i = 0; i < 3; i++)
		put_into_mapping(page_folio(pages + i), row->dirty_before);
	unpin_user_page_range_dirty_lock(pages + row->first, row->npages, row->make_dirty);
	KUNIT_EXPECT_EQ(test, times_dirtied, row->dirtied);
	for (i = 0; i < 3; i++) {
		bool in_range = i >= row->first && i < row->first + row->npages;

		take_out_of_mapping(test, page_folio(pages + i),
				    row->dirty_before || (row->make_dirty && in_range));
	}
}

/* Of bvecs, each folio of a file is marked dirty by each of them, dirty before or not. */
static void bvecs_are_dirtied_folio_by_folio(struct kunit *test)
{
	const struct bvec_row *row = test->param_value;
	struct page *pages = new_neighbours(test);
	struct bio_vec bvecs[ARRAY_SIZE(row->bvecs)];
	unsigned int nr = new_bvecs(pages, row, bvecs), i, dirtied;
	bool dirty_before;

	for (dirty_before = false;; dirty_before = true) {
		dirtied = 0;
		for (i = 0; i < 3; i++) {
			if (row->pins[i]) {
				pin_pages(test, pages + i, row->pins[i]);
				/* A small folio is pinned once by each bvec. */
				dirtied += i < 2 ? row->pins[i] : 1;
			}
			put_into_mapping(page_folio(pages + i), dirty_before);
		}
		unpin_user_bvecs_dirty_lock(bvecs, nr, true);
		KUNIT_EXPECT_EQ(test, times_dirtied, dirtied);
		for (i = 0; i < 3; i++)
			take_out_of_mapping(test, page_folio(pages + i),
					    dirty_before || row->pins[i]);
		if (dirty_before)
			break;
	}
}

/* An anonymous folio is dirty afterwards, too. */
static void anonymous_bvec_is_dirty_afterwards(struct kunit *test)
{
	struct page *page = new_page_of_kind(test);
	struct folio *folio = page_folio(page);
	struct bio_vec bvec;
	bool dirty_before;

	bvec_set_page(&bvec, page, 1, 0);
	folio->mapping = (void *)PAGE_MAPPING_ANON;
	set_exclusive(page, HEAD_EXCLUSIVE);
	for (dirty_before = false;; dirty_before = true) {
		pin_pages(test, page, 1);
		unpin_user_bvecs_dirty_lock(&bvec, 1, true);
		KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
		KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
		if (dirty_before)
			break;
	}
	clear_exclusive(page);
	folio->mapping = NULL;
	folio_clear_dirty(folio);
}

/* The other ways to release a page leave it clean. */
static void plain_release_dirties_nothing(struct kunit *test)
{
	struct page *page = new_page_of_kind(test);
	struct folio *folio = page_folio(page);

	put_into_mapping(folio, false);
	pin_pages(test, page, 3);
	unpin_user_page(page);
	unpin_user_pages(&page, 1);
	unpin_range(folio, 0, 1);
	KUNIT_EXPECT_EQ(test, times_dirtied, 0);
	take_out_of_mapping(test, folio, false);
}

static struct kunit_case pin_dirty_cases[] = {
	KUNIT_CASE_PARAM(folios_are_dirtied_once_and_when_asked, dirty_row_gen_params),
	KUNIT_CASE_PARAM(range_is_dirtied_once_and_when_asked, dirty_range_row_gen_params),
	KUNIT_CASE_PARAM(bvecs_are_dirtied_folio_by_folio, bvec_row_gen_params),
	KUNIT_CASE_PARAM(anonymous_bvec_is_dirty_afterwards, page_kind_gen_params),
	KUNIT_CASE_PARAM(plain_release_dirties_nothing, page_kind_gen_params),
	{}
};

PIN_TEST_SUITE(pin_dirty);

kunit_test_suites(&pin_maps_suite, &pin_folio_suite, &gup_pin_suite,
		  &pin_user_page_suite, &pin_limit_suite, &pin_misuse_suite,
		  &pin_stat_suite, &pin_dirty_suite);
