//! Tests the rule with random reviews: a simulated review, and an oracle that knows its true statuses.
//!
//! The oracle is independent of the rule. It only knows which callbacks were received, and the statuses at the second of each.

mod figures;
mod memory;
mod model;
mod reconciled;
mod review;
mod sent;

use fastrand::Rng;

use figures::Figures;
use memory::{Memory, project};
use review::{Change, FLOWS, lose, percent, play, with_duplicates};

/// Returns the number of reviews: `EQP_REVIEWS`, or a default that takes a second or two.
fn reviews() -> u64 {
    std::env::var("EQP_REVIEWS").ok().and_then(|count| count.parse().ok()).unwrap_or(200)
}

/// How the callbacks of a review are delivered. Shares are percentages.
struct Delivery {
    /// Changes with the same second as the one before.
    same_second: usize,
    lost: usize,
    twice: usize,
    shuffled: bool,
}

/// Returns the figures of reviews that are delivered like this, in the later form, and then all once more.
fn figures_of(delivery: &Delivery) -> Figures {
    let mut figures = Figures::default();
    for seed in 0..reviews() {
        let mut rng = Rng::with_seed(seed);
        let changes = play(&mut rng, delivery.same_second);
        let heard = lose(&mut rng, &changes, delivery.lost);
        let bodies: Vec<String> = heard.iter().map(Change::later_form).collect();
        let mut sent = with_duplicates(&mut rng, &bodies, delivery.twice);
        if delivery.shuffled {
            rng.shuffle(&mut sent);
        }
        let mut memory = Memory::new();
        project(&mut rng, &mut memory, &sent);
        figures.add(&memory, &heard, changes.last().unwrap().snapshot);
        figures.redeliver(&mut rng, &mut memory, &bodies);
    }
    figures
}

#[test]
fn in_order_no_received_change_is_missed() {
    let figures = figures_of(&Delivery { same_second: 0, lost: 20, twice: 30, shuffled: false });
    println!("in order, losses, duplicates: {figures:?}");
    assert_eq!((figures.missed, figures.skipped, figures.wrong, figures.from_redelivery), (0, 0, 0, 0), "{figures:?}");
    assert_eq!((figures.ambiguous, figures.late), (0, 0), "{figures:?}");
}

#[test]
fn shuffled_callbacks_never_end_in_a_wrong_status() {
    let figures = figures_of(&Delivery { same_second: 0, lost: 20, twice: 50, shuffled: true });
    println!("shuffled, losses, duplicates: {figures:?}");
    // Steps can be skipped: if a report was classified as a duplicate, and a change in between arrives later, it turns out to have
    // been a re-entry, but events are never rewritten.
    assert_eq!(
        (figures.missed, figures.wrong, figures.from_redelivery, figures.ambiguous),
        (0, 0, 0, 0),
        "{figures:?}"
    );
}

#[test]
fn few_reviews_with_changes_in_the_same_second_end_wrong_and_all_are_ambiguous() {
    for shuffled in [false, true] {
        let figures = figures_of(&Delivery { same_second: 10, lost: 0, twice: 30, shuffled });
        println!("same seconds, shuffled {shuffled}, duplicates: {figures:?}");
        assert!(figures.wrong * 100 <= figures.reviews * 5, "{figures:?}");
        assert_eq!((figures.wrong_and_not_ambiguous, figures.from_redelivery), (0, 0));
    }
}

#[test]
fn however_many_changes_share_a_second_no_wrong_state_goes_unmarked() {
    for shuffled in [false, true] {
        let figures = figures_of(&Delivery { same_second: 30, lost: 0, twice: 30, shuffled });
        println!("30 % in the same second, shuffled {shuffled}, duplicates: {figures:?}");
        assert_eq!((figures.wrong_and_not_ambiguous, figures.from_redelivery), (0, 0), "{figures:?}");
    }
}

#[test]
fn both_forms_in_order_end_in_the_right_status() {
    let mut figures = Figures::default();
    for seed in 0..reviews() {
        let mut rng = Rng::with_seed(seed);
        let changes = play(&mut rng, 0);
        let mut heard = lose(&mut rng, &changes, 20);
        // The last report has the later form, because the first form does not report the release.
        let last = heard.pop().unwrap();
        let mut bodies: Vec<String> = heard
            .iter()
            .map(|change| if percent(&mut rng, 50) { change.first_form() } else { change.later_form() })
            .collect();
        bodies.push(last.later_form());
        let sent = with_duplicates(&mut rng, &bodies, 30);
        let mut memory = Memory::new();
        project(&mut rng, &mut memory, &sent);
        figures.add(&memory, &[], last.snapshot);
        // Every report of either form is in the history of its flow.
        for change in heard.iter().chain([&last]) {
            let reported = memory.reported(&FLOWS[change.explicit]);
            figures.missed +=
                usize::from(!reported.iter().any(|reported| reported == change.snapshot[change.explicit]));
        }
    }
    println!("both forms, in order: {figures:?}");
    assert_eq!((figures.missed, figures.wrong, figures.late), (0, 0, 0));
}

#[test]
fn the_division_into_batches_does_not_matter() {
    for seed in 0..reviews() {
        let mut rng = Rng::with_seed(seed);
        let changes = play(&mut rng, 20);
        let form = |change: &Change, first| if first { change.first_form() } else { change.later_form() };
        let mut bodies: Vec<String> = changes.iter().map(|change| form(change, percent(&mut rng, 30))).collect();
        rng.shuffle(&mut bodies);
        let (mut whole, mut pieces, mut single) = (Memory::new(), Memory::new(), Memory::new());
        whole.project(&bodies);
        project(&mut rng, &mut pieces, &bodies);
        for body in &bodies {
            single.project(std::slice::from_ref(body));
        }
        let seen = |memory: &Memory| format!("{:?} {:?}", memory.events, memory.projected);
        assert_eq!(seen(&whole), seen(&pieces), "seed {seed}");
        assert_eq!(seen(&whole), seen(&single), "seed {seed}");
    }
}
