//! A small tree as one comparison: its nodes are the lanes of a vector, so a row's verdicts at all of them are the bits of one
//! word. The leaf is then found bit by bit, in 8 or 16 words at once.
//!
//! As all nodes are asked about each row by itself, it takes as long for each of a few rows as for each of many. It needs AVX-512
//! with VBMI; elsewhere trees are selected or walked.

use super::leaf::{Leaf, TOGETHER};
use super::pages::{Page, Pages};
use super::ranks::{Axes, LANE, RankTest};
use super::tree::{Condition, Next, Tree};
use std::arch::x86_64::*;

/// Rows that go through a tree together. Their words are all written before the first is read, so nothing waits for them.
const ROWS: usize = 128;

/// 200 trees of 31 leaves, up to 24 levels deep: selections of 1,024 rows take 0.30 µs a row, comparisons 0.35; of 100 rows, 0.76
/// and 0.45.
const FEW: usize = 192;

/// Leaves of trees of any shape: a word of 32 verdicts, and nodes and leaves are told apart in 64 states.
const ANY: usize = 32;

/// Levels of larger trees, which are made complete.
const LEVELS: usize = 6;

/// Small trees in the order in which their leaves are added up, in groups that read the same ranks.
#[derive(Clone, Debug)]
pub struct Compared<T> {
    pub groups: Vec<Group<T>>,
}

#[derive(Clone, Debug)]
pub struct Group<T> {
    pages: Pages,
    /// Each with its target.
    trees: Vec<(usize, Comparison<T>)>,
}

#[derive(Clone, Debug)]
struct Comparison<T> {
    /// Where the lanes' ranks come from.
    sources: Vec<Source>,
    /// Greater ranks fail.
    limits: Page,
    form: Form,
    /// By state.
    leaves: [T; LANE],
}

/// By row, verdicts of trees of both forms.
struct Words {
    long: [u64; ROWS],
    short: [u32; ROWS],
}

/// The lanes whose ranks stand on one page of a row, and where on it.
#[derive(Clone, Debug)]
struct Source {
    page: usize,
    lanes: u64,
    places: Page,
}

/// What the states are, and from which bit of a word each takes its verdict.
#[derive(Clone, Debug)]
enum Form {
    /// Of a complete tree: the root is 1, the ways on from `i` lead to `2i` and `2i + 1`, by bit `i`.
    Complete,
    /// Nodes are below `ANY`, leaves from there on and lead to themselves; by bit `i + FIRST`, counted in a circle.
    Any {
        depth: usize,
        start: u32,
        pass: Page,
        fail: Page,
    },
}

/// A verdict chooses between two tables of 64 states.
const FIRST: usize = LANE.ilog2() as usize;

/// Is the processor able to?
pub fn is_possible() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("popcnt")
}

/// Can it be done in one comparison?
pub fn is_small(tree: &Tree) -> bool {
    let is_number = |condition: &Condition| matches!(condition, Condition::Below(_));
    tree.nodes.iter().all(|node| is_number(&node.test.condition)) && (tree.leaves.len() <= ANY || depth(tree) <= LEVELS)
}

fn depth(tree: &Tree) -> usize {
    // Children come after their parents.
    let mut depths = vec![0; tree.nodes.len()];
    let mut most = 0;
    for (i, node) in tree.nodes.iter().enumerate() {
        let below = depths[i] + 1;
        most = most.max(below);
        for next in [node.pass, node.fail] {
            if let Ok(next) = usize::try_from(next) {
                depths[next] = below;
            }
        }
    }
    most
}

impl<T: Leaf> Group<T> {
    /// `trees`: each with its target. All are small, and their tests are admitted to `axes`; the processor is able to.
    pub fn of(mut axes: Axes, trees: impl Iterator<Item = (usize, Tree)>) -> Group<T> {
        let compare = |(target, tree)| (target, Comparison::of(&tree, &mut axes));
        let trees = trees.map(compare).collect();
        Group {
            pages: Pages::of(&axes),
            trees,
        }
    }
}

impl<T: Leaf> Compared<T> {
    /// Is this the fastest way for so many rows? Where a tree is deep, more of them are done sooner by selections.
    pub fn suits(&self, rows: usize) -> bool {
        let mut trees = self.groups.iter().flat_map(|group| &group.trees);
        rows <= FEW || trees.all(|(_, tree)| !matches!(tree.form, Form::Any { depth, .. } if depth > LEVELS))
    }

    /// As `Forest::add`.
    pub fn add(&self, columns: &[&[f64]], sums: &mut [Vec<T>]) {
        // SAFETY: there are comparisons only where the processor is able to.
        #[expect(unsafe_code)]
        unsafe {
            self.add_compared(columns, sums)
        };
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,popcnt")]
    fn add_compared(&self, columns: &[&[f64]], sums: &mut [Vec<T>]) {
        let rows = sums.first().map_or(0, Vec::len);
        let pages = self.groups.iter().map(|group| group.pages.each).max().unwrap_or(0);
        let mut ranks = vec![Page([0; LANE]); rows.min(ROWS) * pages];
        let mut words = Words {
            long: [0; ROWS],
            short: [0; ROWS],
        };
        let mut chunk = vec![[T::default(); ROWS]; sums.len()];
        for start in (0..rows).step_by(ROWS) {
            let length = ROWS.min(rows - start);
            for (from, to) in sums.iter().zip(&mut chunk) {
                to[..length].copy_from_slice(&from[start..start + length]);
            }
            // Of few rows, several trees are asked before the first answers: no tree waits for the words that it has just written.
            let room = length.next_multiple_of(TOGETHER);
            for Group { pages, trees } in &self.groups {
                let ranks = &mut ranks[..length * pages.each];
                pages.rank(columns, start, T::SINGLE, ranks);
                for trees in trees.chunks(ROWS / room) {
                    for (i, (_, tree)) in trees.iter().enumerate() {
                        tree.ask(ranks, pages.each, &mut words, i * room);
                    }
                    for (i, (target, tree)) in trees.iter().enumerate() {
                        tree.answer(&words, i * room, &mut chunk[*target][..room]);
                    }
                }
            }
            for (to, from) in sums.iter_mut().zip(&chunk) {
                to[start..start + length].copy_from_slice(&from[..length]);
            }
        }
    }
}

impl<T: Leaf> Comparison<T> {
    /// `tree` is small, and its tests are admitted to `axes`.
    fn of(tree: &Tree, axes: &mut Axes) -> Comparison<T> {
        let root = if tree.nodes.is_empty() { !0 } else { 0 };
        let mut made = Comparison {
            sources: Vec::new(),
            limits: Page([u8::MAX; LANE]),
            form: Form::Complete,
            leaves: [T::default(); LANE],
        };
        if tree.leaves.len() > ANY {
            made.complete(tree, axes, root, 1);
            return made;
        }
        for (to, &leaf) in made.leaves[ANY..].iter_mut().zip(&tree.leaves) {
            *to = T::of(leaf);
        }
        let state = |next: Next| match usize::try_from(next) {
            Ok(node) => node as u8,
            Err(_) => (ANY + !next as usize) as u8,
        };
        let mut pass = Page(std::array::from_fn(|i| i as u8));
        let mut fail = pass.clone();
        for (i, node) in tree.nodes.iter().enumerate() {
            made.test((i + FIRST) % ANY, axes.test(&node.test));
            pass.0[i] = state(node.pass);
            fail.0[i] = state(node.fail);
        }
        made.form = Form::Any {
            depth: depth(tree),
            start: u32::from(state(root)),
            pass,
            fail,
        };
        made
    }

    /// Puts what begins at `next` into `state`; a leaf above the last level, below both ways on.
    fn complete(&mut self, tree: &Tree, axes: &mut Axes, next: Next, state: usize) {
        let (pass, fail) = match usize::try_from(next) {
            Err(_) if state >= LANE => {
                self.leaves[state % LANE] = T::of(tree.leaves[!next as usize]);
                return;
            }
            Err(_) => (next, next),
            Ok(node) => {
                let node = &tree.nodes[node];
                self.test(state, axes.test(&node.test));
                (node.pass, node.fail)
            }
        };
        self.complete(tree, axes, pass, 2 * state);
        self.complete(tree, axes, fail, 2 * state + 1);
    }

    fn test(&mut self, lane: usize, test: RankTest) {
        let RankTest::AtMost { column, limit } = test else {
            unreachable!("small trees compare numbers")
        };
        let (page, place) = (column / LANE, column % LANE);
        let known = self.sources.iter().position(|source| source.page == page);
        let source = known.unwrap_or_else(|| {
            self.sources.push(Source {
                page,
                lanes: 0,
                places: Page([0; LANE]),
            });
            self.sources.len() - 1
        });
        self.sources[source].lanes |= 1 << lane;
        self.sources[source].places.0[lane] = place as u8;
        self.limits.0[lane] = limit;
    }

    /// Writes the words of rows, from place `first` on. `rows`: so many pages each.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,popcnt")]
    fn ask(&self, rows: &[Page], pages: usize, words: &mut Words, first: usize) {
        match self.form {
            Form::Complete => {
                let words = &mut words.long[first..];
                self.compare(rows, pages, |row, verdicts| words[row] = verdicts);
            }
            Form::Any { .. } => {
                let words = &mut words.short[first..];
                self.compare(rows, pages, |row, verdicts| words[row] = verdicts as u32);
            }
        }
    }

    /// The verdicts of each row: the lanes that fail.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,popcnt")]
    fn compare(&self, rows: &[Page], pages: usize, mut write: impl FnMut(usize, u64)) {
        let limits = load_page(&self.limits);
        if let ([source], 1) = (&self.sources[..], pages) {
            let places = load_page(&source.places);
            for (i, row) in rows.iter().enumerate() {
                let ranks = _mm512_permutexvar_epi8(places, load_page(row));
                write(i, _mm512_cmpgt_epu8_mask(ranks, limits));
            }
            return;
        }
        for (i, row) in rows.chunks_exact(pages).enumerate() {
            let mut ranks = _mm512_setzero_si512();
            for source in &self.sources {
                let (places, page) = (load_page(&source.places), load_page(&row[source.page]));
                ranks = _mm512_mask_permutexvar_epi8(ranks, source.lanes, places, page);
            }
            write(i, _mm512_cmpgt_epu8_mask(ranks, limits));
        }
    }

    /// Adds the leaves that words lead to, from place `first` on.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,popcnt")]
    fn answer(&self, words: &Words, first: usize, sums: &mut [T]) {
        let (sums, _) = sums.as_chunks_mut();
        match &self.form {
            Form::Complete => {
                for (words, sums) in words.long[first..].as_chunks().0.iter().zip(sums) {
                    self.add_leaves(complete(words), sums);
                }
            }
            Form::Any {
                depth,
                start,
                pass,
                fail,
            } => {
                let tables = [load_page(pass), load_page(fail)];
                let (words, _) = words.short[first..].as_chunks();
                // Each waits for the one level before the next, so four go together.
                let (fours, rest) = sums.as_chunks_mut::<4>();
                for (words, sums) in words.as_chunks().0.iter().zip(fours.iter_mut()) {
                    for (states, sums) in any::<4>(words, *depth, *start, tables).into_iter().zip(sums) {
                        self.add_leaves(states, sums);
                    }
                }
                for (words, sums) in words[4 * fours.len()..].iter().zip(rest) {
                    let [states] = any(&[*words], *depth, *start, tables);
                    self.add_leaves(states, sums);
                }
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,popcnt")]
    fn add_leaves(&self, states: __m512i, sums: &mut [T; TOGETHER]) {
        // SAFETY: all it wants is features that this function has.
        #[expect(unsafe_code)]
        unsafe {
            T::add_leaves(&self.leaves, states, sums)
        };
    }
}

/// The last states of 16 rows in a complete tree, from their words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,popcnt")]
fn complete(words: &[u64; TOGETHER]) -> __m512i {
    let halves: &[[u64; 8]] = words.as_chunks().0;
    let one = _mm512_set1_epi64(1);
    let words = [load_long(&halves[0]), load_long(&halves[1])];
    let mut states = [one; 2];
    for _ in 0..LEVELS {
        for (state, word) in states.iter_mut().zip(words) {
            // a | b & c
            *state = _mm512_ternarylogic_epi64::<0xF8>(
                _mm512_add_epi64(*state, *state),
                _mm512_srlv_epi64(word, *state),
                one,
            );
        }
    }
    let [low, high] = states.map(|states| _mm512_cvtepi64_epi32(states));
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

/// The same in a tree of any shape.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,popcnt")]
fn any<const N: usize>(
    words: &[[u32; TOGETHER]; N],
    depth: usize,
    start: u32,
    [pass, fail]: [__m512i; 2],
) -> [__m512i; N] {
    let verdict = _mm512_set1_epi32(1 << FIRST);
    let mut states = [_mm512_set1_epi32(start as i32); N];
    for _ in 0..depth {
        for (states, words) in states.iter_mut().zip(words) {
            // a | b & c
            let verdicts = _mm512_rorv_epi32(load_short(words), *states);
            let at = _mm512_ternarylogic_epi32::<0xF8>(*states, verdicts, verdict);
            // The lowest byte of each.
            *states = _mm512_maskz_permutex2var_epi8(0x1111_1111_1111_1111, pass, at, fail);
        }
    }
    states
}

// SAFETY of all of these: vectors and arrays of integers of one size hold the same bits.

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code)]
fn load_page(page: &Page) -> __m512i {
    unsafe { std::mem::transmute(page.0) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code)]
fn load_long(words: &[u64; 8]) -> __m512i {
    unsafe { std::mem::transmute(*words) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code)]
fn load_short(words: &[u32; 16]) -> __m512i {
    unsafe { std::mem::transmute(*words) }
}
