//! The one wildcard Buildkite's patterns know: `*` stands for any run of characters, the empty one and `/` included.

/// Whether the whole of `text` is what `pattern` says. Linear in both for patterns without `*`, and never worse than
/// their product.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let tail = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        let table = [
            ("main", "main", true),
            ("main", "maintenance", false),
            ("*", "", true),
            ("*dev*", "feature/dev-1", true),
            ("*dev*", "main", false),
            ("v*.0", "v1.0", true),
            ("v*.0", "v1.1", false),
            ("features/*", "features/a/b", true),
            ("a*a", "a", false),
            ("a**a", "aa", true),
            ("*ab*ab*", "ab", false),
            ("*ü", "größe ü", true),
            ("", "", true),
            ("", "x", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
