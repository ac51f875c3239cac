//! Documented limits that not every organization is held to; only a fake that was told to enforces them.
//!
//! Elsewhere: limits that always hold (with the attribute they limit), those of a whole build (`engine`).
//! Source: Buildkite docs, "Platform limits", read 2026-08-21. Chosen: the sentences.

use super::command::CommandStep;
use super::matrix::{DimensionOrder, Matrix};
use super::{Pipeline, Step};

const JOBS_PER_UPLOAD: usize = 500;
const MATRIX_DIMENSIONS: usize = 6;
const MATRIX_ELEMENTS: usize = 25;
const MATRIX_ELEMENT_BYTES: usize = 128;
const MATRIX_ADJUSTMENTS: usize = 12;
const MATRIX_JOBS: usize = 50;

impl Pipeline {
    /// The first documented limit it goes beyond, in a sentence.
    pub(crate) fn beyond_limits(&self) -> Option<String> {
        let matrices = self.all_steps().filter_map(|step| match step {
            Step::Command(CommandStep { matrix, .. }) => matrix.as_ref(),
            Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_) | Step::Group(_) => {
                None
            }
        });
        let jobs = (self.job_count(), JOBS_PER_UPLOAD, "jobs in one upload");
        let mut sizes = vec![jobs];
        sizes.extend(matrices.flat_map(Matrix::sizes));
        let beyond = sizes.into_iter().find(|(size, most, _)| size > most);
        beyond.map(|(size, most, what)| format!("{size} {what}, of which {most} are allowed"))
    }
}

impl Matrix {
    /// Each: how much there is, how much may be, and of what.
    fn sizes(&self) -> [(usize, usize, &'static str); 5] {
        let elements = self.dimensions.iter().map(|(_, values)| values.len());
        let values = self.dimensions.iter().flat_map(|(_, values)| values);
        let jobs = self.jobs(DimensionOrder::Written).len();
        [
            (
                self.dimensions.len(),
                MATRIX_DIMENSIONS,
                "matrix dimensions",
            ),
            (
                elements.max().unwrap_or(0),
                MATRIX_ELEMENTS,
                "elements in a matrix dimension",
            ),
            (
                values.map(String::len).max().unwrap_or(0),
                MATRIX_ELEMENT_BYTES,
                "bytes in a matrix element",
            ),
            (
                self.adjustments.len(),
                MATRIX_ADJUSTMENTS,
                "matrix adjustments",
            ),
            (jobs, MATRIX_JOBS, "jobs of one matrix"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_apart() {
        let seven = "{a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1}";
        let many = format!("{:?}", (0..26).collect::<Vec<_>>());
        let adjustments = format!("[{}]", "{with: a, soft_fail: true}, ".repeat(13));
        for (step, expected) in [
            ("parallelism: 500".to_owned(), None),
            (
                "parallelism: 501".to_owned(),
                Some("501 jobs in one upload, of which 500 are allowed"),
            ),
            (
                format!("matrix: {{setup: {seven}}}"),
                Some("7 matrix dimensions, of which 6 are allowed"),
            ),
            (
                format!("matrix: {many}"),
                Some("26 elements in a matrix dimension, of which 25 are allowed"),
            ),
            (
                format!("matrix: [{}]", "x".repeat(129)),
                Some("129 bytes in a matrix element, of which 128 are allowed"),
            ),
            (
                format!("matrix: {{setup: [a], adjustments: {adjustments}}}"),
                Some("13 matrix adjustments, of which 12 are allowed"),
            ),
            (
                "matrix: {setup: {a: [1, 2, 3, 4, 5, 6, 7, 8], b: [1, 2, 3, 4, 5, 6, 7]}}"
                    .to_owned(),
                Some("56 jobs of one matrix, of which 50 are allowed"),
            ),
        ] {
            let pipeline =
                Pipeline::parse(&format!("steps: [{{command: x, {step}}}]")).expect("valid");
            assert_eq!(pipeline.beyond_limits().as_deref(), expected, "for {step}");
        }
    }
}
