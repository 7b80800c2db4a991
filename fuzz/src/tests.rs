//! Each target bears its seeds and some thousands of their mutations.

use super::{Mutator, TARGETS};

/// Seconds in a debug build, all targets together.
const INPUTS: usize = 20_000;

#[test]
fn targets_bear_mutations() {
    for target in TARGETS {
        for seed in target.seeds {
            (target.run)(seed);
        }
        let mut mutator = Mutator::new(1);
        for _ in 0..INPUTS {
            (target.run)(&mutator.input(target.seeds));
        }
    }
}

/// A failure can be had again: the same seed gives the same inputs.
#[test]
fn a_seed_gives_the_same_inputs() {
    let inputs = |seed| {
        let mut mutator = Mutator::new(seed);
        (0..100).map(|_| mutator.input(TARGETS[0].seeds)).collect::<Vec<_>>()
    };
    assert_eq!(inputs(5), inputs(5));
    assert_ne!(inputs(5), inputs(6));
}
