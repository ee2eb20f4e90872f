//! The rule against random reviews: a Marketplace that is played here, and an oracle that knows what it truly did.
//!
//! Nothing here uses the rule's own thoughts: the oracle only knows which callbacks were heard, and what was the case
//! at the second that each bears.

use std::collections::HashMap;

use eqp_types::{Flow, Timestamp};
use time::OffsetDateTime;
use uuid::Uuid;

use super::batch::{CallbackOutcome, Known, NewEvent, Numbers, Pending, Tracks, fold, history_needed};
use super::decode::decode;
use super::history::{History, Past};
use super::notice::Said;
use crate::read::{Mark, Verdict};

const FLOWS: [Flow; 3] = [Flow::Overall, Flow::Technical, Flow::Marketing];

/// A small generator of chance (splitmix64), so that a failing review can be made again from its seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// One change, as the Marketplace would call back about it.
#[derive(Clone, Debug)]
struct Change {
    second: i64,
    named: usize,
    /// Overall, technical, marketing, just after the change.
    snapshot: [&'static str; 3],
}

impl Change {
    fn later_form(&self) -> String {
        let [overall, technical, marketing] = self.snapshot;
        format!(
            r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "s", "item_id": "i",
            "eqp_flow": "{}", "current_status": "{}", "modified_at": "{}",
            "eqp_status": {{"overall": "{overall}", "technical": "{technical}", "marketing": "{marketing}"}}}}}}"#,
            FLOWS[self.named],
            self.snapshot[self.named],
            timestamp(self.second),
        )
    }

    fn first_form(&self) -> String {
        format!(
            r#"{{"callback_event": "eqp_status_update", "update_info":
            {{"submission_id": "s", "eqp_flow": "{}", "current_status": "{}"}}}}"#,
            FLOWS[self.named], self.snapshot[self.named],
        )
    }
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::of(OffsetDateTime::from_unix_timestamp(1_600_000_000 + second).unwrap())
}

/// Plays a review: both flows side by side, rejections and recalls that are submitted again, the release. One in two is
/// looked at before its end.
/// `same_second`: how many of a hundred changes bear the second of the one before.
fn play(chance: &mut Chance, same_second: usize) -> Vec<Change> {
    let mut snapshot = ["draft", "draft", "draft"];
    let mut changes = Vec::new();
    let mut second = 0;
    let mut patience = 3;
    while snapshot[0] != "released_to_store" && changes.len() < 40 {
        let named = 1 + chance.below(2);
        let next = match (named, snapshot[named]) {
            (_, "approved") if snapshot == ["approved", "approved", "approved"] => {
                snapshot[0] = "released_to_store";
                "approved"
            }
            (_, "approved") => continue,
            (1, "draft" | "rejected" | "recalled") => "in_automation",
            (1, "in_automation") if patience > 0 && chance.percent(15) => "rejected",
            (1, "in_automation") | (2, "awaiting_marketing_review") if patience > 0 && chance.percent(5) => "recalled",
            (1, "in_automation") => "awaiting_manual_qa",
            (1, "awaiting_manual_qa") => "in_manual_qa",
            (2, "draft" | "rejected" | "recalled") => "awaiting_marketing_review",
            (2, "awaiting_marketing_review") => "in_marketing_review",
            (_, _) if patience > 0 && chance.percent(40) => "rejected",
            (_, _) => "approved",
        };
        patience -= i32::from(matches!(next, "rejected" | "recalled"));
        snapshot[named] = next;
        if snapshot[0] == "draft" {
            snapshot[0] = "in_progress";
        }
        if snapshot == ["in_progress", "approved", "approved"] {
            snapshot[0] = "approved";
        }
        if changes.is_empty() || !chance.percent(same_second) {
            second += 1 + i64::try_from(chance.below(100)).unwrap();
        }
        changes.push(Change { second, named, snapshot });
    }
    if chance.percent(50) {
        changes.truncate(1 + chance.below(changes.len()));
    }
    changes
}

/// A database in memory, which answers exactly what the statements of `store` answer.
struct Memory {
    numbers: Numbers,
    tracks: Tracks,
    events: Vec<NewEvent>,
    outcomes: Vec<CallbackOutcome>,
    said: HashMap<Said, Uuid>,
    next_id: u128,
}

impl Memory {
    fn new() -> Self {
        Self {
            numbers: Numbers { last_event_seq: 0, last_track_id: 0, last_ordinal: 0 },
            tracks: Tracks::new(),
            events: Vec::new(),
            outcomes: Vec::new(),
            said: HashMap::new(),
            next_id: 1,
        }
    }

    fn project(&mut self, bodies: &[String]) {
        let batch: Vec<Pending> = bodies
            .iter()
            .map(|body| {
                self.next_id += 1;
                Pending {
                    id: Uuid::from_u128(self.next_id),
                    account_id: 1,
                    received_at: OffsetDateTime::UNIX_EPOCH,
                    decoded: decode(body.as_bytes()),
                }
            })
            .collect();
        let history = self.history(history_needed(&self.tracks, &self.said, &batch).into_iter());
        let known = Known { numbers: self.numbers, tracks: self.tracks.clone(), history, said: self.said.clone() };
        let changes = fold(known, &batch);
        self.numbers = changes.numbers;
        for (subject, track) in changes.tracks {
            let tracks = self.tracks.entry(subject).or_default();
            tracks.retain(|old| old.id != track.id);
            tracks.push(super::Track { changed: false, ..track });
        }
        for outcome in &changes.outcomes {
            if let Some(said) = outcome.said {
                let first = outcome.copy_of.unwrap_or(outcome.callback_id);
                assert!(self.said.insert(said, first).is_none(), "the unique key on what was said");
            }
        }
        for event in changes.events {
            let twice = |old: &&NewEvent| {
                old.modified_at.is_some()
                    && (old.track_id, old.modified_at, &old.outcome)
                        == (event.track_id, event.modified_at, &event.outcome)
            };
            assert!(!self.events.iter().any(|old| twice(&old)), "the unique key of events");
            self.events.push(event);
        }
        self.outcomes.extend(changes.outcomes);
    }

    fn history(&self, wanted: impl Iterator<Item = (i64, Timestamp)>) -> History {
        let mut history = History::default();
        for (track_id, at) in wanted {
            let mut past: Vec<Past> = self
                .events
                .iter()
                .filter(|event| event.track_id == Some(track_id))
                .filter_map(|event| {
                    Some(Past {
                        track_id,
                        modified_at: event.modified_at?,
                        seq: event.seq,
                        outcome: event.outcome.clone()?,
                        callback_id: Some(event.callback_id),
                    })
                })
                .collect();
            past.sort_by_key(|past| (past.modified_at, past.seq));
            let before = past.iter().rfind(|past| past.modified_at < at);
            let after = past.iter().find(|past| past.modified_at > at);
            let same = past.iter().filter(|past| past.modified_at == at);
            same.chain(before).chain(after).cloned().for_each(|past| history.add(past));
        }
        history
    }

    fn track(&self, flow: &Flow) -> Option<&super::Track> {
        self.tracks.values().flatten().find(|track| track.flow == *flow)
    }

    /// Outcomes of a flow as its history tells them: by time, repetitions left out.
    fn told(&self, flow: &Flow) -> Vec<String> {
        let mut events: Vec<_> = self.events.iter().filter(|event| event.flow.as_ref() == Some(flow)).collect();
        events.sort_by_key(|event| (event.modified_at, event.seq));
        let mut told: Vec<String> = events.into_iter().filter_map(|event| event.outcome.clone()).collect();
        told.dedup();
        told
    }
}

/// What the oracle says was heard of a flow: its outcome at each second heard of, repetitions left out.
fn heard_of(flow: usize, heard: &[Change]) -> Vec<&'static str> {
    let mut heard = heard.to_vec();
    heard.sort_by_key(|change| change.second);
    let mut outcomes: Vec<_> = heard.iter().map(|change| change.snapshot[flow]).collect();
    outcomes.dedup();
    outcomes
}

fn is_subsequence(part: &[&str], whole: &[String]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|outcome| whole.any(|told| told == outcome))
}

/// Loses some callbacks; at least the last word of the review is heard.
fn lose(chance: &mut Chance, changes: &[Change], percent: usize) -> Vec<Change> {
    let last = changes.len() - 1;
    let kept = |(at, _): &(usize, &Change)| *at == last || !chance.percent(percent);
    changes.iter().enumerate().filter(kept).map(|(_, change)| change.clone()).collect()
}

fn with_copies(chance: &mut Chance, bodies: &[String], percent: usize) -> Vec<String> {
    let twice = |body: &String| if chance.percent(percent) { vec![body.clone(); 2] } else { vec![body.clone()] };
    bodies.iter().flat_map(twice).collect()
}

/// Projects in pieces of chance size.
fn project(chance: &mut Chance, memory: &mut Memory, mut bodies: &[String]) {
    while !bodies.is_empty() {
        let (batch, rest) = bodies.split_at(1 + chance.below(bodies.len()));
        memory.project(batch);
        bodies = rest;
    }
}

/// What was found in many reviews.
#[derive(Debug, Default)]
struct Figures {
    reviews: usize,
    /// Reviews in which an outcome that was heard is nowhere in the history.
    missed: usize,
    /// Reviews in which the history, put in the order of time, lacks a step that was heard.
    skipped: usize,
    /// Reviews in which some flow ends in a state that is not its last.
    wrong: usize,
    /// … of which not every one is marked tied.
    wrong_and_not_tied: usize,
    /// Reviews with a track marked tied at the end.
    tied: usize,
    /// Events that came of callbacks that were heard before.
    from_redelivery: usize,
    late: usize,
}

impl Figures {
    fn add(&mut self, memory: &Memory, heard: &[Change], truth: [&'static str; 3]) {
        self.reviews += 1;
        let (mut missed, mut skipped) = (false, false);
        for (at, flow) in FLOWS.iter().enumerate() {
            let (heard, told) = (heard_of(at, heard), memory.told(flow));
            missed |= heard.iter().any(|outcome| !told.iter().any(|told| told == outcome));
            skipped |= !is_subsequence(&heard, &told);
        }
        self.missed += usize::from(missed);
        self.skipped += usize::from(skipped);
        let wrong: Vec<_> = FLOWS
            .iter()
            .zip(truth)
            .filter_map(|(flow, truth)| memory.track(flow).filter(|track| track.state.outcome != truth))
            .collect();
        self.wrong += usize::from(!wrong.is_empty());
        self.wrong_and_not_tied += usize::from(wrong.iter().any(|track| !track.state.tied));
        self.tied += usize::from(FLOWS.iter().any(|flow| memory.track(flow).is_some_and(|track| track.state.tied)));
        self.late += memory.events.iter().filter(|event| event.mark == Mark::Late).count();
    }

    fn redeliver(&mut self, chance: &mut Chance, memory: &mut Memory, bodies: &[String]) {
        let (events, callbacks) = (memory.events.len(), memory.outcomes.len());
        let mut again = bodies.to_vec();
        chance.shuffle(&mut again);
        project(chance, memory, &again);
        self.from_redelivery += memory.events.len() - events;
        assert!(memory.outcomes[callbacks..].iter().all(|outcome| outcome.verdict == Verdict::Copy));
        assert!(memory.outcomes[callbacks..].iter().all(|outcome| outcome.copy_of.is_some()));
    }
}

/// How many reviews: enough to see each figure, in a second or two; `EQP_REVIEWS` asks for more.
fn reviews() -> u64 {
    std::env::var("EQP_REVIEWS").ok().and_then(|count| count.parse().ok()).unwrap_or(200)
}

#[test]
fn in_order_no_change_that_was_heard_is_missed() {
    let mut figures = Figures::default();
    for seed in 0..reviews() {
        let mut chance = Chance(seed);
        let changes = play(&mut chance, 0);
        let heard = lose(&mut chance, &changes, 20);
        let bodies: Vec<String> = heard.iter().map(Change::later_form).collect();
        let sent = with_copies(&mut chance, &bodies, 30);
        let mut memory = Memory::new();
        project(&mut chance, &mut memory, &sent);
        figures.add(&memory, &heard, changes.last().unwrap().snapshot);
        figures.redeliver(&mut chance, &mut memory, &bodies);
    }
    println!("in order, losses, copies: {figures:?}");
    assert_eq!((figures.missed, figures.skipped, figures.wrong, figures.from_redelivery), (0, 0, 0, 0), "{figures:?}");
    assert_eq!((figures.tied, figures.late), (0, 0), "{figures:?}");
}

#[test]
fn no_shuffling_ends_in_a_wrong_state() {
    let mut figures = Figures::default();
    for seed in 0..reviews() {
        let mut chance = Chance(seed);
        let changes = play(&mut chance, 0);
        let heard = lose(&mut chance, &changes, 20);
        let bodies: Vec<String> = heard.iter().map(Change::later_form).collect();
        let mut sent = with_copies(&mut chance, &bodies, 50);
        chance.shuffle(&mut sent);
        let mut memory = Memory::new();
        project(&mut chance, &mut memory, &sent);
        figures.add(&memory, &heard, changes.last().unwrap().snapshot);
        figures.redeliver(&mut chance, &mut memory, &bodies);
    }
    println!("shuffled, losses, copies: {figures:?}");
    // Steps can be skipped: a repetition that was taken for a copy cannot be known for a re-entry when what lay between
    // comes in later, and events are never rewritten.
    assert_eq!((figures.missed, figures.wrong, figures.from_redelivery, figures.tied), (0, 0, 0, 0), "{figures:?}");
}

#[test]
fn several_changes_in_one_second_end_wrong_in_few_reviews_and_always_tied() {
    for shuffled in [false, true] {
        let mut figures = Figures::default();
        for seed in 0..reviews() {
            let mut chance = Chance(seed);
            let changes = play(&mut chance, 10);
            let bodies: Vec<String> = changes.iter().map(Change::later_form).collect();
            let mut sent = with_copies(&mut chance, &bodies, 30);
            if shuffled {
                chance.shuffle(&mut sent);
            }
            let mut memory = Memory::new();
            project(&mut chance, &mut memory, &sent);
            figures.add(&memory, &changes, changes.last().unwrap().snapshot);
            figures.redeliver(&mut chance, &mut memory, &bodies);
        }
        println!("same seconds, shuffled {shuffled}, copies: {figures:?}");
        assert!(figures.wrong * 100 <= figures.reviews * 5, "{figures:?}");
        assert_eq!((figures.wrong_and_not_tied, figures.from_redelivery), (0, 0));
    }
}

#[test]
fn both_forms_mixed_and_in_order_end_right() {
    let mut figures = Figures::default();
    for seed in 0..reviews() {
        let mut chance = Chance(seed);
        let changes = play(&mut chance, 0);
        let mut heard = lose(&mut chance, &changes, 20);
        // The last word is a later form: the first form does not tell the release.
        let last = heard.pop().unwrap();
        let mut bodies: Vec<String> = heard
            .iter()
            .map(|change| if chance.percent(50) { change.first_form() } else { change.later_form() })
            .collect();
        bodies.push(last.later_form());
        let sent = with_copies(&mut chance, &bodies, 30);
        let mut memory = Memory::new();
        project(&mut chance, &mut memory, &sent);
        figures.add(&memory, &[], last.snapshot);
        // Every word of either form is in the history of its flow.
        for change in heard.iter().chain([&last]) {
            let told = memory.told(&FLOWS[change.named]);
            figures.missed += usize::from(!told.iter().any(|told| told == change.snapshot[change.named]));
        }
    }
    println!("both forms, in order: {figures:?}");
    assert_eq!((figures.missed, figures.wrong, figures.late), (0, 0, 0));
}

#[test]
fn how_callbacks_are_cut_into_batches_does_not_matter() {
    for seed in 0..reviews() {
        let mut chance = Chance(seed);
        let changes = play(&mut chance, 20);
        let form = |change: &Change, first| if first { change.first_form() } else { change.later_form() };
        let mut bodies: Vec<String> = changes.iter().map(|change| form(change, chance.percent(30))).collect();
        chance.shuffle(&mut bodies);
        let (mut whole, mut pieces, mut single) = (Memory::new(), Memory::new(), Memory::new());
        whole.project(&bodies);
        project(&mut chance, &mut pieces, &bodies);
        for body in &bodies {
            single.project(std::slice::from_ref(body));
        }
        let seen = |memory: &Memory| format!("{:?} {:?}", memory.events, memory.outcomes);
        assert_eq!(seen(&whole), seen(&pieces), "seed {seed}");
        assert_eq!(seen(&whole), seen(&single), "seed {seed}");
    }
}
