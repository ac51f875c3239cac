//! Text that is not YAML: the scanner's finding, in the words Buildkite's users see.
//!
//! Elsewhere: documents that are YAML and still cannot be read (`yaml`, `mapping`).
//! Source: error texts of gopkg.in/yaml.v3, by running it.

use granit_parser::{ErrorKind, Marker, ScanError};

use super::error::{PipelineError, Position};

/// The scanner's finding in the words of the YAML library behind go-pipeline, as far as they have the same finding.
/// Chosen: always with the line in front; that library leaves it out where it happens to be its first.
pub(super) fn syntax_error(error: &ScanError) -> PipelineError {
    let at = position(error.marker());
    let known = WORDS.iter().find(|(kind, _)| kind == error.kind());
    let words = match (known, error.kind()) {
        (Some((_, words)), _) => (*words).to_owned(),
        (None, ErrorKind::UnexpectedCharacter { .. }) => {
            "found character that cannot start any token".to_owned()
        }
        (
            None,
            ErrorKind::MismatchedFlowCollectionEnd { open, .. }
            | ErrorKind::UnclosedFlowCollection { open },
        ) => {
            let close = if *open == '[' { ']' } else { '}' };
            format!("did not find expected ',' or '{close}'")
        }
        (None, kind) => spelled_out(&format!("{kind:?}")),
    };
    PipelineError::parse(at, format!("line {}: {words}", at.line))
}

const WORDS: [(ErrorKind, &str); 11] = [
    (
        ErrorKind::MappingValueNotAllowed,
        "mapping values are not allowed in this context",
    ),
    (
        ErrorKind::MappingKeyNotAllowed,
        "mapping keys are not allowed in this context",
    ),
    (
        ErrorKind::BlockSequenceEntryNotAllowed,
        "block sequence entries are not allowed in this context",
    ),
    (
        ErrorKind::ExpectedBlockMappingKey,
        "did not find expected key",
    ),
    (
        ErrorKind::ExpectedBlockSequenceEntry,
        "did not find expected '-' indicator",
    ),
    (
        ErrorKind::ExpectedFlowMappingSeparator,
        "did not find expected ',' or '}'",
    ),
    (
        ErrorKind::ExpectedFlowSequenceSeparator,
        "did not find expected ',' or ']'",
    ),
    (ErrorKind::SimpleKeyExpected, "could not find expected ':'"),
    (
        ErrorKind::ExpectedNodeContent,
        "did not find expected node content",
    ),
    (
        ErrorKind::UnclosedQuotedScalar,
        "found unexpected end of stream",
    ),
    (
        ErrorKind::UnknownQuotedScalarEscape,
        "found unknown escape character",
    ),
];

/// `TabInIndentation` -> `tab in indentation`; what a variant holds is dropped.
fn spelled_out(variant: &str) -> String {
    let name = variant
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or(variant);
    let mut words = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words
}

/// Counted from 1, unlike the scanner's columns.
pub(super) fn position(mark: &Marker) -> Position {
    Position {
        line: mark.line(),
        column: mark.col() + 1,
    }
}
