//! The rule against random reviews: a Marketplace that is played here, and an oracle that knows what it truly did.
//!
//! Nothing here uses the rule's own thoughts: the oracle only knows which callbacks were heard, and what was the case
//! at the second that each bears.

mod figures;
mod memory;
mod model;
mod review;

use fastrand::Rng;

use figures::Figures;
use memory::{Memory, project};
use review::{Change, FLOWS, lose, percent, play, with_copies};

/// How many reviews: enough to see each figure, in a second or two; `EQP_REVIEWS` asks for more.
fn reviews() -> u64 {
    std::env::var("EQP_REVIEWS").ok().and_then(|count| count.parse().ok()).unwrap_or(200)
}

/// How the callbacks of a review come; shares are of a hundred.
struct Way {
    /// Changes that bear the second of the one before.
    same_second: usize,
    lost: usize,
    twice: usize,
    shuffled: bool,
}

/// What is found when reviews come in this way, in the later form, and all that was heard of them comes once more.
fn figures_of(way: &Way) -> Figures {
    let mut figures = Figures::default();
    for seed in 0..reviews() {
        let mut chance = Rng::with_seed(seed);
        let changes = play(&mut chance, way.same_second);
        let heard = lose(&mut chance, &changes, way.lost);
        let bodies: Vec<String> = heard.iter().map(Change::later_form).collect();
        let mut sent = with_copies(&mut chance, &bodies, way.twice);
        if way.shuffled {
            chance.shuffle(&mut sent);
        }
        let mut memory = Memory::new();
        project(&mut chance, &mut memory, &sent);
        figures.add(&memory, &heard, changes.last().unwrap().snapshot);
        figures.redeliver(&mut chance, &mut memory, &bodies);
    }
    figures
}

#[test]
fn in_order_no_change_that_was_heard_is_missed() {
    let figures = figures_of(&Way { same_second: 0, lost: 20, twice: 30, shuffled: false });
    println!("in order, losses, copies: {figures:?}");
    assert_eq!((figures.missed, figures.skipped, figures.wrong, figures.from_redelivery), (0, 0, 0, 0), "{figures:?}");
    assert_eq!((figures.tied, figures.late), (0, 0), "{figures:?}");
}

#[test]
fn no_shuffling_ends_in_a_wrong_state() {
    let figures = figures_of(&Way { same_second: 0, lost: 20, twice: 50, shuffled: true });
    println!("shuffled, losses, copies: {figures:?}");
    // Steps can be skipped: a repetition that was taken for a copy cannot be known for a re-entry when what lay between
    // comes in later, and events are never rewritten.
    assert_eq!((figures.missed, figures.wrong, figures.from_redelivery, figures.tied), (0, 0, 0, 0), "{figures:?}");
}

#[test]
fn several_changes_in_one_second_end_wrong_in_few_reviews_and_always_tied() {
    for shuffled in [false, true] {
        let figures = figures_of(&Way { same_second: 10, lost: 0, twice: 30, shuffled });
        println!("same seconds, shuffled {shuffled}, copies: {figures:?}");
        assert!(figures.wrong * 100 <= figures.reviews * 5, "{figures:?}");
        assert_eq!((figures.wrong_and_not_tied, figures.from_redelivery), (0, 0));
    }
}

#[test]
fn however_many_changes_share_a_second_no_wrong_state_goes_unmarked() {
    for shuffled in [false, true] {
        let figures = figures_of(&Way { same_second: 30, lost: 0, twice: 30, shuffled });
        println!("30 % in the same second, shuffled {shuffled}, copies: {figures:?}");
        assert_eq!((figures.wrong_and_not_tied, figures.from_redelivery), (0, 0), "{figures:?}");
    }
}

#[test]
fn both_forms_mixed_and_in_order_end_right() {
    let mut figures = Figures::default();
    for seed in 0..reviews() {
        let mut chance = Rng::with_seed(seed);
        let changes = play(&mut chance, 0);
        let mut heard = lose(&mut chance, &changes, 20);
        // The last word is a later form: the first form does not tell the release.
        let last = heard.pop().unwrap();
        let mut bodies: Vec<String> = heard
            .iter()
            .map(|change| if percent(&mut chance, 50) { change.first_form() } else { change.later_form() })
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
        let mut chance = Rng::with_seed(seed);
        let changes = play(&mut chance, 20);
        let form = |change: &Change, first| if first { change.first_form() } else { change.later_form() };
        let mut bodies: Vec<String> = changes.iter().map(|change| form(change, percent(&mut chance, 30))).collect();
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
