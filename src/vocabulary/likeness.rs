//! How alike two names are: for the suggestions in refusals.
//!
//! Elsewhere: which names there are (`pipeline::properties`, `pipeline::conditional`, `levers`, the command line).
//! Source: Ruby's "did you mean", whose measures and thresholds buildkite/conditional repeats (env.go at af63d27).

/// Longer names resemble none that we know; this bounds the quadratic work.
const LONGEST_NAME: usize = 100;

/// The known name that `name` is a mistyped form of; of several the most alike, of two equally alike the first.
pub(crate) fn mistyped<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    if length > LONGEST_NAME {
        return None;
    }
    let threshold = if length > 3 { 0.834 } else { 0.77 };
    let mistakes = length.div_ceil(4);
    let mut best = None;
    let mut best_score = 0.0;
    for candidate in known {
        let score = jaro_winkler(name, candidate);
        if score >= threshold && score > best_score && levenshtein(name, candidate) <= mistakes {
            (best, best_score) = (Some(candidate), score);
        }
    }
    best
}

/// The same, where a name may be written in another way: `get_build` and `getbuild` are `GetBuild`.
#[cfg(feature = "cli")]
pub fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| -> String {
        let kept = name.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' '));
        kept.flat_map(char::to_lowercase).collect()
    };
    let known: Vec<_> = known.map(|name| (plain(name), name)).collect();
    let name = plain(name);
    let names = || known.iter().map(|(plain, _)| plain.as_str());
    let found = names().find(|plain| *plain == name);
    let found = found.or_else(|| mistyped(&name, names()))?;
    let of = known.iter().find(|(plain, _)| plain == found);
    of.map(|(_, name)| *name)
}

/// Jaro similarity, raised for a common beginning of up to four characters. 0 is unlike, 1 is equal.
fn jaro_winkler(left: &str, right: &str) -> f64 {
    let jaro = jaro(left, right);
    if jaro <= 0.7 {
        return jaro;
    }
    let common = left.chars().zip(right.chars()).take(4);
    let prefix = common
        .take_while(|(left, right)| left == right)
        .fold(0.0, |length, _| length + 1.0);
    jaro + prefix * 0.1 * (1.0 - jaro)
}

#[expect(clippy::cast_precision_loss, reason = "names are short")]
fn jaro(left: &str, right: &str) -> f64 {
    let left: Vec<char> = left.chars().take(LONGEST_NAME).collect();
    let right: Vec<char> = right.chars().collect();
    let reach = (left.len().max(right.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; right.len()];
    let mut matched_left = vec![];
    for (at, character) in left.iter().enumerate() {
        let window = at.saturating_sub(reach)..(at + reach + 1).min(right.len());
        if let Some(other) = window
            .into_iter()
            .find(|&other| !taken[other] && right[other] == *character)
        {
            taken[other] = true;
            matched_left.push(character);
        }
    }
    if matched_left.is_empty() {
        return 0.0;
    }
    let matched_right = right.iter().zip(&taken).filter(|(_, taken)| **taken);
    let moved = matched_left
        .iter()
        .zip(matched_right)
        .filter(|(left, (right, _))| **left != *right);
    let transpositions = moved.count() as f64 / 2.0;
    let matches = matched_left.len() as f64;
    (matches / left.len() as f64
        + matches / right.len() as f64
        + (matches - transpositions) / matches)
        / 3.0
}

/// How many characters to insert, remove or replace to make one of the other.
fn levenshtein(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, character) in left.chars().enumerate() {
        let mut diagonal = line;
        row[0] = line + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(character != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_has_its_known_values() {
        for (left, right, expected) in [
            ("martha", "marhta", 0.961),
            ("dwayne", "duane", 0.840),
            ("dixon", "dicksonx", 0.813),
            ("agent", "agents", 0.967),
            ("same", "same", 1.0),
            ("", "x", 0.0),
            ("abc", "xyz", 0.0),
        ] {
            let found = jaro_winkler(left, right);
            assert!((found - expected).abs() < 0.001, "{left} {right}: {found}");
        }
    }

    #[test]
    fn distance_has_its_known_values() {
        for (left, right, expected) in [
            ("kitten", "sitting", 3),
            ("fixed", "failed", 2),
            ("flaw", "lawn", 2),
            ("", "abc", 3),
            ("abc", "", 3),
            ("same", "same", 0),
        ] {
            assert_eq!(levenshtein(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn a_mistyped_name_is_recognised() {
        let known = ["passed", "failed", "failing", "canceled", "A"];
        let long = "failed".repeat(50);
        for (name, meant) in [
            // These two were seen from the server.
            ("fixed", Some("failed")),
            ("finished", None),
            ("faillled", Some("failed")),
            ("cancelled", Some("canceled")),
            ("pass", None),
            ("started_failing", None),
            ("", None),
            (long.as_str(), None),
        ] {
            assert_eq!(mistyped(name, known.into_iter()), meant, "{name}");
        }
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_name_may_be_written_in_another_way() {
        let known = ["GetBuild", "GetBuildLog", "step-per-poll"];
        for (name, wanted) in [
            ("get_build", Some("GetBuild")),
            ("getBuilt", Some("GetBuild")),
            ("GET-BUILD-LOG", Some("GetBuildLog")),
            ("StepPerPoll", Some("step-per-poll")),
            ("?", None),
            ("", None),
        ] {
            assert_eq!(meant(name, known.into_iter()), wanted, "{name}");
        }
    }
}
