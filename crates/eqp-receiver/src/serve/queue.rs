//! A queue whose members can leave from the middle at no more cost than from its ends: each knows its neighbours.
//!
//! The members are kept elsewhere, in a `Vec`, and known by their place in it.

/// No member.
const NOBODY: u32 = u32::MAX;

/// Who stands before and after a member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbours {
    before: u32,
    after: u32,
}

/// The ends of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    first: u32,
    last: u32,
}

impl Default for Neighbours {
    fn default() -> Self {
        Self { before: NOBODY, after: NOBODY }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self { first: NOBODY, last: NOBODY }
    }
}

impl Queue {
    /// Who has been in it the longest.
    pub(super) fn first(self) -> Option<u32> {
        (self.first != NOBODY).then_some(self.first)
    }

    /// Puts a member at the end. It must be in no queue that uses the same neighbours.
    pub(super) fn push<T>(&mut self, members: &mut [T], of: impl Fn(&mut T) -> &mut Neighbours, member: u32) {
        *of(&mut members[member as usize]) = Neighbours { before: self.last, after: NOBODY };
        match self.last {
            NOBODY => self.first = member,
            last => of(&mut members[last as usize]).after = member,
        }
        self.last = member;
    }

    /// Takes a member out, which must be in it.
    pub(super) fn remove<T>(&mut self, members: &mut [T], of: impl Fn(&mut T) -> &mut Neighbours, member: u32) {
        let Neighbours { before, after } = std::mem::take(of(&mut members[member as usize]));
        match before {
            NOBODY => self.first = after,
            before => of(&mut members[before as usize]).after = after,
        }
        match after {
            NOBODY => self.last = before,
            after => of(&mut members[after as usize]).before = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_what_a_plain_queue_is(steps in prop::collection::vec(0_u32..8, 0..200)) {
            let mut members = [Neighbours::default(); 8];
            let (mut queue, mut plain) = (Queue::default(), VecDeque::new());
            for member in steps {
                if let Some(at) = plain.iter().position(|in_it| *in_it == member) {
                    plain.remove(at);
                    queue.remove(&mut members, |member| member, member);
                } else {
                    plain.push_back(member);
                    queue.push(&mut members, |member| member, member);
                }
                let mut seen = Vec::new();
                let mut next = queue.first();
                while let Some(member) = next {
                    seen.push(member);
                    next = Some(members[member as usize].after).filter(|after| *after != NOBODY);
                }
                prop_assert_eq!(seen, Vec::from(plain.clone()));
            }
        }
    }
}
