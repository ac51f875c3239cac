//! `matrix`: one step, many combinations of values.
//!
//! Elsewhere: putting the values into the step's text (`tokens`).
//! Source: Buildkite docs, "Build matrix", read 2026-08-21; buildkite/go-pipeline for the adjustments. That an
//! adjustment may name some dimensions only is what Buildkite's own pipelines do.

use super::attributes::{self, must_be};
use super::error::PipelineError;
use super::node::{Entry, Node};
use super::skip::{self, SkipReason};
use super::soft_fail::{self, SoftFail};
use super::steps::MAX_JOBS;

/// The combinations of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// At least one, in the order written. The name of a lone one without a name is empty.
    pub(crate) dimensions: Vec<(String, Vec<String>)>,
    pub(crate) adjustments: Vec<Adjustment>,
}

/// A change to some combinations, or one more of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Adjustment {
    /// Dimension and value; not necessarily of every dimension.
    pub(crate) with: Vec<(String, String)>,
    pub(crate) skip: Option<SkipReason>,
    /// None if it says nothing about that.
    pub(crate) soft_fail: Option<SoftFail>,
}

/// One combination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatrixJob {
    /// Dimension and value.
    pub(crate) values: Vec<(String, String)>,
    pub(crate) skip: Option<SkipReason>,
    /// Instead of the step's, if an adjustment says so.
    pub(crate) soft_fail: Option<SoftFail>,
}

/// Which dimension is the slowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DimensionOrder {
    /// The first written: the server reads the YAML itself.
    Written,
    /// The first by name: an agent's JSON has lost the order.
    Alphabetical,
}

impl Matrix {
    /// The combinations, the last dimension changing fastest, and after them those that adjustments add.
    /// Chosen: a new combination that any adjustment skips does not come to be, and adjustments apply to new
    /// combinations as to others.
    pub(crate) fn jobs(&self, order: DimensionOrder) -> Vec<MatrixJob> {
        let mut dimensions: Vec<&(String, Vec<String>)> = self.dimensions.iter().collect();
        if order == DimensionOrder::Alphabetical {
            dimensions.sort_by(|left, right| left.0.cmp(&right.0));
        }
        let mut combinations = product(&dimensions);
        let listed = combinations.len();
        for adjustment in self.adjustments.iter().filter(|one| self.is_complete(one)) {
            let values = dimensions.iter().map(|(name, _)| {
                let value = adjustment
                    .with
                    .iter()
                    .find(|(dimension, _)| dimension == name);
                (
                    name.clone(),
                    value.map_or(String::new(), |(_, value)| value.clone()),
                )
            });
            let values: Vec<_> = values.collect();
            if !combinations.contains(&values) {
                combinations.push(values);
            }
        }
        let jobs = combinations.into_iter().map(|values| self.adjusted(values));
        let kept = jobs
            .enumerate()
            .filter(|(at, job)| *at < listed || job.skip.is_none());
        kept.map(|(_, job)| job).collect()
    }

    /// How many jobs there are, the skipped ones included.
    pub(crate) fn job_count(&self) -> usize {
        self.jobs(DimensionOrder::Written).len()
    }

    fn adjusted(&self, values: Vec<(String, String)>) -> MatrixJob {
        let (mut skip, mut soft_fail) = (None, None);
        let agree =
            |adjustment: &&Adjustment| adjustment.with.iter().all(|pair| values.contains(pair));
        for adjustment in self.adjustments.iter().filter(agree) {
            skip = skip.or_else(|| adjustment.skip.clone());
            soft_fail = adjustment.soft_fail.clone().or(soft_fail);
        }
        MatrixJob {
            values,
            skip,
            soft_fail,
        }
    }

    fn is_complete(&self, adjustment: &Adjustment) -> bool {
        adjustment.with.len() == self.dimensions.len()
    }
}

fn product(dimensions: &[&(String, Vec<String>)]) -> Vec<Vec<(String, String)>> {
    if dimensions.iter().any(|(_, values)| values.is_empty()) {
        return vec![];
    }
    dimensions
        .iter()
        .fold(vec![vec![]], |so_far, (name, values)| {
            let longer = so_far.iter().flat_map(|combination| {
                values.iter().map(move |value| {
                    let mut longer = combination.clone();
                    longer.push((name.clone(), value.clone()));
                    longer
                })
            });
            longer.collect()
        })
}

pub(super) fn matrix(name: &str, node: &Node) -> Result<Matrix, PipelineError> {
    let matrix = if node.value.items().is_some() {
        let dimensions = vec![(String::new(), attributes::texts(name, node)?)];
        let adjustments = vec![];
        Matrix {
            dimensions,
            adjustments,
        }
    } else {
        if node.value.entries().is_none() {
            return Err(must_be(name, node, "a list or a mapping with `setup`"));
        }
        let attributes = attributes::mapping(name, node, &["setup", "adjustments"])?;
        let blank = || PipelineError::invalid(node.at, "`setup` of a matrix can't be blank");
        let dimensions = attributes.read(&["setup"], dimensions)?.ok_or_else(blank)?;
        let adjustments = attributes.read(&["adjustments"], |name, node| {
            let items = attributes::list(name, node)?.iter();
            items
                .map(|item| adjustment(item, &dimensions))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let adjustments = adjustments.unwrap_or_default();
        Matrix {
            dimensions,
            adjustments,
        }
    };
    check_size(&matrix, node)?;
    Ok(matrix)
}

/// Every job at least, before any is made.
fn check_size(matrix: &Matrix, node: &Node) -> Result<(), PipelineError> {
    let sizes = matrix.dimensions.iter().map(|(_, values)| values.len());
    // A dimension without values must not hide the size of the others: they are multiplied out one by one.
    let listed = sizes.fold(1_usize, |product, size| product.saturating_mul(size.max(1)));
    let most = listed.saturating_add(matrix.adjustments.len());
    // The work of applying every adjustment to every combination is bounded as well.
    let work = listed.saturating_mul(matrix.adjustments.len());
    if most <= MAX_JOBS as usize && work <= 100 * MAX_JOBS as usize {
        return Ok(());
    }
    let reason =
        format_args!("`matrix` has too many combinations; at most {MAX_JOBS} are possible");
    Err(PipelineError::invalid(node.at, reason))
}

fn dimensions(name: &str, node: &Node) -> Result<Vec<(String, Vec<String>)>, PipelineError> {
    let Some(entries) = node.value.entries() else {
        return Ok(vec![(String::new(), attributes::texts(name, node)?)]);
    };
    if entries.is_empty() {
        return Err(PipelineError::invalid(
            node.at,
            "`setup` of a matrix can't be blank",
        ));
    }
    let dimension = |Entry { key, value, at }: &Entry| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        // What interpolation has still to fill is no name yet.
        if key.is_empty() || !(key.chars().all(allowed) || key.contains('$')) {
            let reason =
                format_args!("`{key}` is not a matrix dimension: letters, digits and _ only");
            return Err(PipelineError::invalid(*at, reason));
        }
        let values = attributes::texts(&format!("{name}.{key}"), value)?;
        Ok((key.to_string(), values))
    };
    entries.iter().map(dimension).collect()
}

fn adjustment(
    node: &Node,
    dimensions: &[(String, Vec<String>)],
) -> Result<Adjustment, PipelineError> {
    let attributes = attributes::mapping("adjustments", node, &["with", "skip", "soft_fail"])?;
    let blank = || PipelineError::invalid(node.at, "`with` of a matrix adjustment can't be blank");
    let written = attributes.written("with").ok_or_else(blank)?;
    let with = with(written)?;
    let unknown = with
        .iter()
        .find(|(name, _)| !dimensions.iter().any(|(dimension, _)| dimension == name));
    if let Some((name, _)) = unknown {
        let reason = format_args!("adjustment has unknown dimension: {name:?}");
        return Err(PipelineError::invalid(written.at, reason));
    }
    if with.is_empty() {
        return Err(blank());
    }
    Ok(Adjustment {
        with,
        skip: attributes.typed(&["skip"], skip)?.flatten(),
        soft_fail: attributes.typed(&["soft_fail"], soft_fail::soft_fail)?,
    })
}

/// A mapping, or the value of the only dimension, in a list or not.
fn with(node: &Node) -> Result<Vec<(String, String)>, PipelineError> {
    if node.value.entries().is_some() {
        return attributes::text_pairs("with", node);
    }
    let mut values = attributes::texts("with", node)?;
    match (values.pop(), values.pop()) {
        (Some(value), None) => Ok(vec![(String::new(), value)]),
        (None, _) | (Some(_), Some(_)) => Err(must_be(
            "with",
            node,
            "one value, or one for each dimension",
        )),
    }
}

/// As for steps, except that any other scalar is a reason too.
fn skip(name: &str, node: &Node) -> Result<Option<SkipReason>, PipelineError> {
    match (node.value.string(), node.value.text()) {
        (None, Some(text)) if attributes::as_boolean(&node.value).is_none() => {
            Ok(Some(SkipReason(text)))
        }
        _ => skip::skip(name, node),
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::check;
    use super::*;

    /// Each case: a matrix, and its jobs in both orders if they differ: values, `!` if skipped, `?` if soft.
    fn check_jobs(order: DimensionOrder, cases: &[(&str, &str)]) {
        for (written, expected) in cases {
            let node = super::super::yaml::load(written).expect("valid YAML");
            let matrix = matrix("matrix", &node).expect("valid");
            let show = |job: &MatrixJob| {
                let values: Vec<&str> =
                    job.values.iter().map(|(_, value)| value.as_str()).collect();
                let skip = job
                    .skip
                    .as_ref()
                    .map_or(String::new(), |reason| format!("!{}", reason.0));
                let soft = job
                    .soft_fail
                    .as_ref()
                    .map_or(String::new(), |soft| format!("?{soft:?}"));
                format!("{}{skip}{soft}", values.join("/"))
            };
            let jobs: Vec<String> = matrix.jobs(order).iter().map(show).collect();
            assert_eq!(jobs.join(" "), *expected, "for {written}");
        }
    }

    #[test]
    fn the_last_dimension_is_the_fastest() {
        check_jobs(
            DimensionOrder::Written,
            &[
                ("[a, 1, 1.50, true, ~]", "a 1 1.5 true "),
                ("[]", ""),
                ("[a, a]", "a a"),
                ("{setup: [a, b]}", "a b"),
                ("{setup: a}", "a"),
                (
                    "{setup: {os: [windows, linux], arch: [amd64, arm64]}}",
                    "windows/amd64 windows/arm64 linux/amd64 linux/arm64",
                ),
                ("{setup: {a: [], b: [x]}}", ""),
            ],
        );
        check_jobs(
            DimensionOrder::Alphabetical,
            &[(
                "{setup: {os: [windows, linux], arch: [amd64, arm64]}}",
                "amd64/windows amd64/linux arm64/windows arm64/linux",
            )],
        );
    }

    #[test]
    fn adjustments() {
        let ab = "setup: {a: [1, 2], b: [x, y]}";
        check_jobs(
            DimensionOrder::Written,
            &[
                (
                    "{setup: [a, b], adjustments: [{with: b, skip: true}]}",
                    "a b!",
                ),
                (
                    "{setup: [a, b], adjustments: [{with: [b], skip: later}]}",
                    "a b!later",
                ),
                (
                    "{setup: [a, b], adjustments: [{with: b, skip: 5}]}",
                    "a b!5",
                ),
                (
                    "{setup: [a, b], adjustments: [{with: b, skip: ''}, {with: a, skip: ~}]}",
                    "a b",
                ),
                (
                    "{setup: [a], adjustments: [{with: c}, {with: d, soft_fail: true}]}",
                    "a c d?Any",
                ),
                ("{setup: [a], adjustments: [{with: c, skip: true}]}", "a"),
                (
                    "{setup: [a], adjustments: [{with: c}, {with: c, skip: true}]}",
                    "a",
                ),
                ("{setup: [], adjustments: [{with: c}]}", "c"),
                (
                    &format!("{{{ab}, adjustments: [{{with: {{b: x, a: 2}}, skip: true}}]}}"),
                    "1/x 1/y 2/x! 2/y",
                ),
                (
                    &format!(
                        "{{{ab}, adjustments: [{{with: {{b: x}}, soft_fail: true}}, {{with: {{b: z}}}}]}}"
                    ),
                    "1/x?Any 1/y 2/x?Any 2/y",
                ),
                (
                    &format!(
                        "{{{ab}, adjustments: [{{with: {{b: z, a: 1}}}}, {{with: {{a: 1}}, soft_fail: false}}]}}"
                    ),
                    "1/x?Never 1/y?Never 2/x 2/y 1/z?Never",
                ),
                (
                    &format!(
                        "{{{ab}, adjustments: [{{with: {{a: 1}}, skip: one}}, {{with: {{b: x}}, skip: two}}]}}"
                    ),
                    "1/x!one 1/y!one 2/x!two 2/y",
                ),
            ],
        );
    }

    #[test]
    fn what_is_no_matrix() {
        let setup = "! `setup` of a matrix can't be blank";
        let many = format!("matrix: {{setup: {{a: {0:?}, b: {0:?}}}}}", vec![1; 101]);
        let empty = format!(
            "matrix: {{setup: {{z: [], a: {0:?}, b: {0:?}}}}}",
            vec![1; 101]
        );
        let too_many = "! `matrix` has too many combinations; at most 10000 are possible";
        check(
            |step| step.matrix.is_some(),
            &[
                ("matrix: ~", "false"),
                (
                    "matrix: a",
                    "! `matrix` must be a list or a mapping with `setup`",
                ),
                ("matrix: {}", setup),
                ("matrix: {setup: {}}", setup),
                ("matrix: {adjustments: []}", setup),
                (
                    "matrix: {setup: {a-b: [c]}}",
                    "! `a-b` is not a matrix dimension: letters, digits and _ only",
                ),
                (
                    "matrix: {setup: {a: [[c]]}}",
                    "! `setup.a` must be a string or a list of strings",
                ),
                (
                    "matrix: {setup: {a: [c]}, extra: 1}",
                    "! `extra` is not a valid property in `matrix`",
                ),
                (
                    "matrix: {setup: {a: [c]}, adjustments: [{with: {b: c}}]}",
                    "! adjustment has unknown dimension: \"b\"",
                ),
                (
                    "matrix: {setup: {a: [c]}, adjustments: [{with: c}]}",
                    "! adjustment has unknown dimension: \"\"",
                ),
                (
                    "matrix: {setup: [c], adjustments: [{skip: true}]}",
                    "! `with` of a matrix adjustment can't be blank",
                ),
                (
                    "matrix: {setup: [c], adjustments: [{with: [a, b]}]}",
                    "! `with` must be one value, or one for each dimension",
                ),
                (
                    "matrix: [a], parallelism: 2",
                    "! `parallelism` can't be used together with `matrix`",
                ),
                (
                    "parallelism: 1000000000",
                    "! `parallelism` must be from 0 to 10000",
                ),
                (&many, too_many),
                (&empty, too_many),
            ],
        );
    }
}
