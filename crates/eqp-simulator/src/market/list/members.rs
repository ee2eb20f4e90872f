//! A set of packages, as bits.

/// Which packages belong to it.
pub(super) struct Members {
    words: Vec<u64>,
}

impl Members {
    /// These packages, of `count` that there are.
    pub(super) fn of(packages: &[usize], count: usize) -> Self {
        let mut words = vec![0; count.div_ceil(64)];
        for package in packages {
            words[package / 64] |= 1 << (package % 64);
        }
        Self { words }
    }

    /// Whether a package belongs to it.
    pub(super) fn has(&self, package: usize) -> bool {
        self.words.get(package / 64).is_some_and(|word| word & (1 << (package % 64)) != 0)
    }
}

/// What is in both of two lists in rising order.
pub(super) fn in_both(one: &[usize], other: &[usize]) -> Vec<usize> {
    let mut rest = other.iter().copied().peekable();
    let is_in_other = |package: usize| {
        while rest.next_if(|next| *next < package).is_some() {}
        rest.peek() == Some(&package)
    };
    let mut is_in_other = is_in_other;
    one.iter().copied().filter(|package| is_in_other(*package)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_lists_agree() {
        assert_eq!(in_both(&[1, 3, 64, 90], &[0, 3, 4, 90, 91]), [3, 90]);
        assert!(in_both(&[1], &[]).is_empty());
        let members = Members::of(&[0, 63, 64], 65);
        let found: Vec<_> = (0..200).filter(|package| members.has(*package)).collect();
        assert_eq!(found, [0, 63, 64]);
    }
}
