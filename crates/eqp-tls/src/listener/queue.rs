//! An intrusive linked list: members can be removed from the middle in constant time.
//!
//! The members are kept elsewhere, in a `Vec`, and identified by their index.

/// No member.
const NONE: u32 = u32::MAX;

/// The previous and the next member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    before: u32,
    after: u32,
}

/// The ends of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    first: u32,
    last: u32,
}

impl Default for Links {
    fn default() -> Self {
        Self { before: NONE, after: NONE }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self { first: NONE, last: NONE }
    }
}

impl Queue {
    /// Returns the member that has been in the queue the longest.
    pub(super) fn first(self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// Adds a member at the end. It must not be in a queue that uses the same links.
    pub(super) fn push<T>(&mut self, members: &mut [T], of: impl Fn(&mut T) -> &mut Links, member: u32) {
        *of(&mut members[member as usize]) = Links { before: self.last, after: NONE };
        match self.last {
            NONE => self.first = member,
            last => of(&mut members[last as usize]).after = member,
        }
        self.last = member;
    }

    /// Removes a member, which must be in the queue.
    pub(super) fn remove<T>(&mut self, members: &mut [T], of: impl Fn(&mut T) -> &mut Links, member: u32) {
        let Links { before, after } = std::mem::take(of(&mut members[member as usize]));
        match before {
            NONE => self.first = after,
            before => of(&mut members[before as usize]).after = after,
        }
        match after {
            NONE => self.last = before,
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
        fn behaves_like_a_plain_queue(steps in prop::collection::vec(0_u32..8, 0..200)) {
            let mut members = [Links::default(); 8];
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
                    next = Some(members[member as usize].after).filter(|after| *after != NONE);
                }
                prop_assert_eq!(seen, Vec::from(plain.clone()));
            }
        }
    }
}
