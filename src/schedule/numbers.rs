//! A set of numbers below 64: what one field of a line allows.

/// Sixty-four bits, bit *n* for the number *n*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Numbers(u64);

impl Numbers {
    /// Every number from `first` to `last`.
    pub(super) fn all(first: u32, last: u32) -> Self {
        (first..=last).collect()
    }

    pub(super) fn contains(self, number: u32) -> bool {
        number < 64 && self.0 & (1 << number) != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The least of them that is not below `number`.
    pub(super) fn at_or_above(self, number: u32) -> Option<u32> {
        let left = u64::MAX.checked_shl(number).unwrap_or(0) & self.0;
        (left != 0).then(|| left.trailing_zeros())
    }

    pub(super) fn least(self) -> Option<u32> {
        self.at_or_above(0)
    }

    pub(super) fn greatest(self) -> Option<u32> {
        self.0.checked_ilog2()
    }

    /// In ascending order.
    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |number| self.contains(*number))
    }
}

impl FromIterator<u32> for Numbers {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let bits = numbers.into_iter().filter(|number| *number < 64);
        Self(bits.fold(0, |bits, number| bits | 1 << number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_numbers() {
        let some: Numbers = [63, 0, 17, 17, 64].into_iter().collect();
        assert_eq!(some.iter().collect::<Vec<_>>(), [0, 17, 63]);
        assert_eq!((some.least(), some.greatest()), (Some(0), Some(63)));
        let above = [0, 1, 17, 18, 63, 64, 100].map(|number| some.at_or_above(number));
        let expected = [0, 17, 17, 63, 63].map(Some);
        assert_eq!(above, [&expected[..], &[None, None]].concat()[..]);
        assert!(some.contains(63) && !some.contains(64));
        let none = Numbers::default();
        assert!(none.is_empty() && none.least().is_none() && none.greatest().is_none());
        assert_eq!(Numbers::all(1, 3), [3, 1, 2].into_iter().collect());
    }
}
