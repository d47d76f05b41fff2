// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! How the effect of an injection changes with time: steps of different strength, once or again and
//! again.

use super::{
    attributes::MAX_TIME_US,
    parse::{number, scaled, show_scaled, words, ParseError},
    units::NS_PER_US,
};
use core::fmt;

/// The most steps that a profile can have.
pub const MOST_STEPS: usize = 16;

/// The shortest step, in microseconds.
pub const LEAST_STEP_US: u32 = 1_000;

/// The full strength, in units of the last decimal of per cents.
const FULL: u32 = 10_000;

/// The greatest strength in per cent.
pub const MOST_SCALE: u32 = 10_000;

/// The word behind the steps of a profile that does not repeat.
pub const ONCE: &str = "once";

/// Steps, one after the other. A profile without steps is one of full strength.
///
/// # Invariants
///
/// The first `count` steps last from [`LEAST_STEP_US`] to [`MAX_TIME_US`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    steps: [Step; MOST_STEPS],
    count: usize,
    /// Whether the last step has no end.
    is_once: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    duration_us: u32,
    /// The strength, in hundredths of a per cent.
    scale: u32,
}

impl Step {
    fn duration_ns(&self) -> u64 {
        u64::from(self.duration_us).saturating_mul(NS_PER_US)
    }
}

/// The strength at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    scale: u32,
}

impl Phase {
    /// Full strength.
    pub const FULL: Self = Self { scale: FULL };

    /// Whether the injection does nothing.
    pub const fn is_off(&self) -> bool {
        self.scale == 0
    }

    /// A delay of this strength.
    #[inline]
    pub const fn scaled(&self, delay_ns: u64) -> u64 {
        if self.scale == FULL {
            return delay_ns;
        }
        product(delay_ns, self.scale as u64, FULL as u64)
    }

    /// The longest delay that is at most so long in this strength.
    pub const fn unscaled(&self, most_ns: u64) -> u64 {
        if self.scale == FULL {
            return most_ns;
        }
        product(most_ns, FULL as u64, self.scale as u64)
    }
}

/// `time_ns` by `factor`, by `divisor`; a `divisor` of 0 is taken for 1.
const fn product(time_ns: u64, factor: u64, divisor: u64) -> u64 {
    let divisor = if divisor == 0 { 1 } else { divisor };
    // The parts of the quotient, as the product of a long time might not fit.
    let whole = (time_ns / divisor).saturating_mul(factor);
    whole.saturating_add((time_ns % divisor).saturating_mul(factor) / divisor)
}

impl Profile {
    /// No steps.
    pub const NONE: Self = Self {
        // INVARIANT: There is no step.
        steps: [Step {
            duration_us: 0,
            scale: 0,
        }; MOST_STEPS],
        count: 0,
        is_once: false,
    };

    /// Whether there is no step.
    pub const fn is_none(&self) -> bool {
        self.count == 0
    }

    /// Reads words such as `5000:100 45000:0`, with the word `once` as the last or not.
    ///
    /// # Errors
    ///
    /// [`ParseError::OutOfRange`] for too many steps and numbers out of range,
    /// [`ParseError::Invalid`] for other words.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut new = Self::NONE;
        for word in words(text) {
            if new.is_once {
                return Err(ParseError::Invalid);
            }
            if word == ONCE.as_bytes() && !new.is_none() {
                new.is_once = true;
                continue;
            }
            let colon = word.iter().position(|&byte| byte == b':');
            let colon = colon.ok_or(ParseError::Invalid)?;
            let most = u64::from(MOST_SCALE).saturating_mul(100);
            let scale = scaled(&word[colon.saturating_add(1)..], 2, 0, most)?;
            let step = Step {
                duration_us: number(&word[..colon], LEAST_STEP_US, MAX_TIME_US)?,
                scale: u32::try_from(scale).map_err(|_| ParseError::OutOfRange)?,
            };
            let slot = new.steps.get_mut(new.count);
            // INVARIANT: The parser has checked the duration.
            *slot.ok_or(ParseError::OutOfRange)? = step;
            new.count = new.count.saturating_add(1);
        }
        Ok(new)
    }

    fn steps(&self) -> &[Step] {
        &self.steps[..self.count]
    }

    fn whole_ns(&self) -> u64 {
        let durations = self.steps().iter().map(Step::duration_ns);
        durations.fold(0, u64::saturating_add)
    }

    /// The phase at so many nanoseconds after the beginning.
    pub fn at(&self, elapsed_ns: u64) -> Phase {
        let (place, _) = self.place_at(elapsed_ns);
        let scale = self.steps().get(place).map_or(FULL, |step| step.scale);
        Phase { scale }
    }

    /// How long after that time the next step of no strength begins that follows one of some
    /// strength; `u64::MAX` if none does.
    pub fn off_in_ns(&self, elapsed_ns: u64) -> u64 {
        let (place, left_ns) = self.place_at(elapsed_ns);
        let rounds = if self.is_once { 1 } else { 3 };
        let mut steps = (0..rounds).flat_map(|_| self.steps()).skip(place);
        let Some(mut before) = steps.next() else {
            return u64::MAX;
        };
        let mut in_ns = left_ns;
        for step in steps {
            if before.scale > 0 && step.scale == 0 {
                return in_ns;
            }
            in_ns = in_ns.saturating_add(step.duration_ns());
            before = step;
        }
        u64::MAX
    }

    /// The place of the step at that time, and how long the step lasts from then on.
    fn place_at(&self, elapsed_ns: u64) -> (usize, u64) {
        let whole_ns = self.whole_ns();
        if self.is_once && elapsed_ns >= whole_ns {
            return (self.count.saturating_sub(1), u64::MAX);
        }
        let mut into_ns = elapsed_ns.checked_rem(whole_ns).unwrap_or(0);
        for (place, step) in self.steps().iter().enumerate() {
            let duration_ns = step.duration_ns();
            if into_ns < duration_ns {
                return (place, duration_ns.saturating_sub(into_ns));
            }
            into_ns = into_ns.saturating_sub(duration_ns);
        }
        (0, u64::MAX)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps().iter().enumerate() {
            if number > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{}:", step.duration_us)?;
            show_scaled(f, step.scale.into(), 2)?;
        }
        if self.is_once {
            write!(f, " {ONCE}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{
        format,
        string::{String, ToString},
        vec::Vec,
    };

    const MS: u64 = 1_000_000;

    fn profile(text: &str) -> Profile {
        Profile::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn steps_follow_each_other_and_repeat() {
        let duty = profile("5000:100 45000:0");
        for (ms, scale, off_in_ms) in [
            (0, FULL, 5),
            (4, FULL, 1),
            (5, 0, 50),
            (49, 0, 6),
            (50, FULL, 5),
            (5_000_003, FULL, 2),
        ] {
            assert_eq!(duty.at(ms * MS).scale, scale, "{ms}");
            assert_eq!(duty.off_in_ns(ms * MS), off_in_ms * MS, "{ms}");
        }
        assert_eq!(duty.off_in_ns(5 * MS - 1), 1);
    }

    #[test]
    fn the_last_step_of_one_that_does_not_repeat_has_no_end() {
        let worse = profile("1000:50 1000:200 once");
        let phase = worse.at(1_500_000);
        assert_eq!((phase.scaled(1_000), phase.unscaled(1_000)), (2_000, 500));
        assert_eq!(worse.off_in_ns(0), u64::MAX);
        assert_eq!(worse.at(u64::MAX), phase);
        let over = profile("1000:100 1000:0 once");
        assert_eq!(over.off_in_ns(0), MS);
        assert_eq!(over.off_in_ns(MS), u64::MAX);
        assert!(over.at(2 * MS).is_off());
    }

    #[test]
    fn without_steps_all_is_as_it_was() {
        assert_eq!(Profile::NONE.at(7), Phase::FULL);
        assert_eq!(Phase::FULL.scaled(u64::MAX), u64::MAX);
        assert_eq!(profile("1000:12.5").at(0).scaled(8_000), 1_000);
        assert_eq!(profile("1000:10000").at(0).scaled(u64::MAX), u64::MAX);
    }

    #[test]
    fn other_texts_are_refused() {
        use ParseError::{Invalid, OutOfRange};
        let many = "1000:1 ".repeat(MOST_STEPS + 1);
        for (text, error) in [
            ("once", Invalid),
            ("1000", Invalid),
            ("1000:", Invalid),
            (":100", Invalid),
            ("1000:100 once 1000:0", Invalid),
            ("1000:100 once once", Invalid),
            ("1000:100 Once", Invalid),
            ("1000:100,2000:0", Invalid),
            ("1000:1.234", Invalid),
            ("1ms:100", Invalid),
            ("999:100", OutOfRange),
            ("3600000001:100", OutOfRange),
            ("1000:10000.01", OutOfRange),
            ("1000:-1", OutOfRange),
            (many.trim_end(), OutOfRange),
        ] {
            assert_eq!(Profile::parse(text.as_bytes()), Err(error), "{text}");
        }
    }

    /// Steps in microseconds and hundredths of a per cent.
    fn any_steps() -> impl Strategy<Value = Vec<(u32, u32)>> {
        let scale = prop_oneof![Just(0), 1u32..=MOST_SCALE * 100];
        prop::collection::vec((LEAST_STEP_US..20_000, scale), 1..=MOST_STEPS)
    }

    fn text_of(steps: &[(u32, u32)], is_once: bool) -> String {
        let words = steps.iter().map(|(duration_us, scale)| {
            format!("{duration_us}:{}.{:02} ", scale / 100, scale % 100)
        });
        let text: String = words.collect();
        let once = if is_once { ONCE } else { "" };
        format!("{text}{once}").trim_end().to_string()
    }

    proptest! {
        /// Walks from step to step, as a clock does.
        #[test]
        fn a_phase_is_where_a_walk_comes_to(
            steps in any_steps(), is_once: bool, elapsed_us in 0u64..1_000_000,
        ) {
            let profile = profile(&text_of(&steps, is_once));
            let mut walk = steps.iter().map(|(us, scale)| (u64::from(*us), *scale)).cycle();
            let (mut end_us, mut number) = (0, 0);
            let mut scale = 0;
            while end_us <= elapsed_us {
                if is_once && number == steps.len() {
                    end_us = u64::MAX;
                    break;
                }
                let (step_us, step_scale) = walk.next().unwrap();
                (end_us, scale, number) = (end_us + step_us, step_scale, number + 1);
            }
            let phase = profile.at(elapsed_us * 1_000);
            prop_assert_eq!(phase.scale, scale);
            // On from here, for as long as two rounds may take.
            let (mut before, mut off_at_us) = (scale, None);
            for _ in 0..=2 * steps.len() {
                if end_us == u64::MAX || is_once && number == steps.len() {
                    break;
                }
                let (step_us, step_scale) = walk.next().unwrap();
                if before > 0 && step_scale == 0 {
                    off_at_us = Some(end_us);
                    break;
                }
                (end_us, before, number) = (end_us + step_us, step_scale, number + 1);
            }
            let off_in_ns = off_at_us.map(|at_us| (at_us - elapsed_us) * 1_000);
            prop_assert_eq!(profile.off_in_ns(elapsed_us * 1_000), off_in_ns.unwrap_or(u64::MAX));
        }

        #[test]
        fn the_shown_text_is_read_as_the_same(steps in any_steps(), is_once: bool) {
            let profile = profile(&text_of(&steps, is_once));
            prop_assert_eq!(Profile::parse(profile.to_string().as_bytes()), Ok(profile));
        }
    }
}
