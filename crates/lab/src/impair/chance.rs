//! A small generator of chances: xoshiro256++ (Blackman and Vigna, 2021), seeded through splitmix64 as its authors say.
//! A lab needs speed, a long period and the same numbers in each run; secrets are made elsewhere.

use super::Distribution;
use std::f64::consts::TAU;

/// Numbers in a row that a seed decides.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    state: [u64; 4],
}

/// The increment of splitmix64, which spreads near seeds apart.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Normal jitter is cut at so many standard deviations, as tables of other emulators do.
const NORMAL_CUT: f64 = 4.0;

/// The shape of Pareto jitter: 3 is the least whole number whose variance is finite.
const PARETO_SHAPE: f64 = 3.0;

/// The share of Pareto in Pareto-normal jitter.
const PARETO_SHARE: f64 = 0.75;

impl Chance {
    pub(super) fn new(mut seed: u64) -> Self {
        let state = std::array::from_fn(|_| {
            seed = seed.wrapping_add(GOLDEN);
            let mut z = seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        });
        Self { state }
    }

    pub(super) fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// Evenly in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with the probability; certain and impossible things draw nothing.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        if probability <= 0.0 {
            return false;
        }
        probability >= 1.0 || self.unit() < probability
    }

    /// How many spreads later than the delay, or earlier.
    pub(super) fn deviate(&mut self, distribution: Distribution) -> f64 {
        match distribution {
            Distribution::Uniform => 2.0 * self.unit() - 1.0,
            Distribution::Normal => self.normal(),
            Distribution::Exponential => -self.open_unit().ln(),
            Distribution::Pareto => self.pareto(),
            Distribution::ParetoNormal => (1.0 - PARETO_SHARE) * self.normal() + PARETO_SHARE * self.pareto(),
        }
    }

    /// Evenly in (0, 1]: a logarithm of it is finite.
    fn open_unit(&mut self) -> f64 {
        1.0 - self.unit()
    }

    /// Mean 0, standard deviation 1: Box and Muller, 1958.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.open_unit().ln()).sqrt();
        (radius * (TAU * self.unit()).cos()).clamp(-NORMAL_CUT, NORMAL_CUT)
    }

    /// Lomax with standard deviation 1, from 0 up: its variance is scale² · a ÷ ((a − 1)² (a − 2)).
    fn pareto(&mut self) -> f64 {
        let scale = ((PARETO_SHAPE - 1.0).powi(2) * (PARETO_SHAPE - 2.0) / PARETO_SHAPE).sqrt();
        scale * (self.open_unit().powf(-1.0 / PARETO_SHAPE) - 1.0)
    }
}
