//! Branch patterns: which branches a step, a pipeline or a webhook is for.
//!
//! Elsewhere: the wildcard (`vocabulary::wildcard`), who asks and when (`engine`).
//! Source: Buildkite docs, "Branch configuration", section "Branch pattern examples".

use crate::vocabulary::wildcard;

/// Patterns a branch is held against. Case counts, and a pattern is for the whole name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BranchPatterns {
    /// If there are any, one of them must match.
    wanted: Vec<String>,
    /// Written with `!`: none of them may match.
    unwanted: Vec<String>,
}

impl BranchPatterns {
    /// Reads one text, or the items of a list. Each may hold several patterns, with white space between.
    pub(crate) fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut patterns = Self::default();
        for pattern in texts.into_iter().flat_map(str::split_whitespace) {
            match pattern.strip_prefix('!') {
                Some(pattern) => patterns.unwanted.push(pattern.to_owned()),
                None => patterns.wanted.push(pattern.to_owned()),
            }
        }
        patterns
    }

    /// Without patterns every branch matches.
    pub(crate) fn matches(&self, branch: &str) -> bool {
        let any = |patterns: &[String]| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| wildcard::matches(pattern, branch))
        };
        (self.wanted.is_empty() || any(&self.wanted)) && !any(&self.unwanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRANCHES: [&str; 5] = ["main", "features/x", "v1.0", "v1.1", "production"];

    /// Each case: the patterns, and which of the branches match.
    fn check(cases: &[(&[&str], &str)]) {
        for (texts, expected) in cases {
            let patterns = BranchPatterns::parse(texts.iter().copied());
            let matching: Vec<&str> = BRANCHES
                .into_iter()
                .filter(|branch| patterns.matches(branch))
                .collect();
            assert_eq!(matching.join(" "), *expected, "{texts:?}");
        }
    }

    #[test]
    fn one_text_of_patterns() {
        check(&[
            (&["main"], "main"),
            (&["!production"], "main features/x v1.0 v1.1"),
            (&["main features/*"], "main features/x"),
            (&["v*.0"], "v1.0"),
            (&["v* !v1.*"], ""),
            (&[""], "main features/x v1.0 v1.1 production"),
            (&["  main\n\tv1.1 "], "main v1.1"),
            (&["*"], "main features/x v1.0 v1.1 production"),
            (&["!*"], ""),
            (&["!main !v*"], "features/x production"),
            (&["!v1.0 v*"], "v1.1"),
            (&["Main"], ""),
            (&["mai"], ""),
            (&["*/x"], "features/x"),
            (&["v?.0"], ""),
            (&["!"], "main features/x v1.0 v1.1 production"),
            (&["!!main"], "main features/x v1.0 v1.1 production"),
        ]);
    }

    #[test]
    fn a_list_of_texts() {
        check(&[
            (&[], "main features/x v1.0 v1.1 production"),
            (&["main", "v*"], "main v1.0 v1.1"),
            (&["main v1.0", "!v*"], "main"),
            (&["", "production"], "production"),
        ]);
    }

    #[test]
    fn random_patterns_never_panic() {
        const PIECES: [&str; 10] = ["*", "**", "!", " ", "main", "v", "/", "é", "\n", "."];
        let mut state = 1_u64;
        let mut below = |bound: usize| {
            // Knuth's MMIX constants.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % bound
        };
        for _ in 0..20_000 {
            let mut text = || -> String {
                (0..below(12))
                    .map(|_| PIECES[below(PIECES.len())])
                    .collect()
            };
            let (patterns, branch) = (text(), text());
            BranchPatterns::parse([patterns.as_str()]).matches(&branch);
        }
    }
}
