//! Timing side by side: everybody's turn comes in every round, because the machine is not the same from one second to the
//! next. What is compared is the ratio within a round; the median of those is what counts, and the quartiles say how far
//! to trust it.

use std::env;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// Whether a few seconds must do: `FAKE_BUILDKITE_BENCH=short`.
pub(crate) fn is_short() -> bool {
    env::var_os("FAKE_BUILDKITE_BENCH").is_some_and(|length| length == "short")
}

/// Whether this is a build as tests are.
pub(crate) const IS_DEBUG: bool = cfg!(debug_assertions);

/// The first for a full run, the second for a short one.
pub(crate) fn full_or_short<T>(full: T, short: T) -> T {
    if is_short() { short } else { full }
}

/// How long it takes, without what is left of it afterwards.
pub(crate) fn timed<T>(act: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    let value = act();
    let took = begun.elapsed();
    drop(value);
    took
}

/// Something to be timed: does it once, and says how long the part that counts took.
pub(crate) struct Subject<'a> {
    pub(crate) name: String,
    act: Box<dyn FnMut() -> Duration + 'a>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(name: &str, act: impl FnMut() -> Duration + 'a) -> Self {
        Self {
            name: name.to_owned(),
            act: Box::new(act),
        }
    }
}

/// The median of each round, in seconds.
#[derive(Clone)]
pub(crate) struct Series(pub(crate) Vec<f64>);

/// How long each subject is run before it counts.
const WARM_UP: Duration = Duration::from_millis(20);

/// How much of a round each subject may take: little, so that what disturbs one of them disturbs its neighbours, too.
const SLICE: Duration = Duration::from_millis(4);

/// Times all of them, round by round; one series each.
pub(crate) fn side_by_side(rounds: usize, subjects: &mut [Subject<'_>]) -> Vec<Series> {
    let repeats: Vec<usize> = subjects.iter_mut().map(warmed_up).collect();
    let mut all = vec![Series(Vec::new()); subjects.len()];
    for round in 0..rounds {
        for turn in 0..subjects.len() {
            // Nobody always comes after the same one.
            let at = (turn + round) % subjects.len();
            let mut times: Vec<_> = (0..repeats[at]).map(|_| (subjects[at].act)()).collect();
            all[at].0.push(median(&mut times).as_secs_f64());
        }
    }
    all
}

/// Has it run for a while; how often it fits into its slice.
fn warmed_up(subject: &mut Subject<'_>) -> usize {
    let begun = Instant::now();
    let mut count = 0;
    while count < 3 || begun.elapsed() < WARM_UP {
        (subject.act)();
        count += 1;
    }
    let each = begun.elapsed() / count;
    let fit = SLICE.as_nanos() / each.as_nanos().max(1);
    usize::try_from(fit).map_or(1, |fit| fit.clamp(1, 500))
}

pub(crate) fn median<T: Copy + Ord>(all: &mut [T]) -> T {
    all.sort_unstable();
    all[all.len() / 2]
}

/// A quartile: 1, 2 (the median) or 3.
pub(crate) fn quartile(all: &[f64], which: usize) -> f64 {
    let mut all = all.to_vec();
    all.sort_unstable_by(f64::total_cmp);
    all[(all.len() * which / 4).min(all.len() - 1)]
}

impl Series {
    pub(crate) fn median(&self) -> f64 {
        quartile(&self.0, 2)
    }

    pub(crate) fn median_us(&self) -> f64 {
        self.median() * 1e6
    }

    /// How many times the other it is, with quartiles.
    pub(crate) fn over(&self, other: &Self) -> Ratio {
        let each = self.0.iter().zip(&other.0).map(|(a, b)| a / b);
        Ratio::of(&each.collect::<Vec<_>>())
    }

    pub(crate) fn minus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a - b).collect())
    }
}

/// A ratio, and how it varied from round to round.
#[derive(Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    low: f64,
    high: f64,
}

impl Ratio {
    pub(crate) fn of(each: &[f64]) -> Self {
        let [low, median, high] = [1, 2, 3].map(|which| quartile(each, which));
        Self { median, low, high }
    }
}

impl Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { median, low, high } = self;
        let digits = if *median < 0.1 { 4 } else { 3 };
        write!(f, "{median:.digits$} ({low:.digits$} to {high:.digits$})")
    }
}

/// A number for whoever collects them: one line, three fields.
pub(crate) fn record(key: &str, value: impl Display) {
    println!("row\t{key}\t{value}");
}

/// A ratio for whoever collects them, and to be read.
pub(crate) fn record_ratio(key: &str, ratio: Ratio) {
    record(key, format_args!("{:.4}", ratio.median));
    record(
        &format!("{key}.spread"),
        format_args!("{:.4} to {:.4}", ratio.low, ratio.high),
    );
}

/// Times in microseconds, beside the ratio to the first of them.
pub(crate) fn table(title: &str, key: &str, subjects: &[Subject<'_>], all: &[Series]) {
    println!("{title}");
    for (subject, series) in subjects.iter().zip(all) {
        let name = &subject.name;
        let us = series.median_us();
        println!("  {name:<28} {us:>10.1} us   {}", series.over(&all[0]));
        record(&format!("{key}.{name}_us"), format_args!("{us:.2}"));
    }
}
