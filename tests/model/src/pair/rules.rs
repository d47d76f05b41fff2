// SPDX-License-Identifier: GPL-2.0-only

//! Changes of rules, and of their ends.

use super::Pair;
use crate::{
    plan::Plan,
    policy::{
        delay::Delay, distribution::Shape as Distribution, filter::Filter, limit::Limit,
        limits::Limits, operations::Operations, units::NS_PER_US,
    },
    reference::{Kind, Rule},
    rule::RuleSpec,
    specs::spec,
};

impl Pair {
    /// As the scheduler's `follow`.
    pub(crate) fn follow(&mut self, rules: &[Rule]) -> Result<(), String> {
        // As `Disk::is_reached_by`: an injection that has ended is in no new plan.
        let ends_ns = &self.reference.ends_ns;
        let now_ns = self.reference.now_ns;
        let is_open = |rule: &&Rule| ends_ns[rule.injection].is_none_or(|end_ns| end_ns > now_ns);
        let rules: Vec<Rule> = rules.iter().filter(is_open).cloned().collect();
        let specs = rules.iter().map(|rule| self.spec(rule));
        let plan = Plan::new(specs, self.plan.as_deref()).unwrap();
        let old = self.completions.follow(plan.clone());
        self.requests.follow(plan.clone());
        self.compare_asking();
        let ((), asked) = self.park(|held, parker| held.park_waiting(parker));
        self.plan = plan;
        drop(old);
        let shapes = &self.shapes;
        let cannot = |number: u64, kind| !shapes[number as usize].can_be_parked(kind == Kind::Read);
        self.reference.follow(&rules, &asked, cannot)
    }

    fn spec(&self, rule: &Rule) -> RuleSpec<'_> {
        let spec = spec(
            &self.injections[rule.injection],
            &self.stats[rule.injection],
        );
        let limit = rule
            .limit
            .map(|(period_ns, quota)| ((period_ns / NS_PER_US) as u32, quota));
        RuleSpec {
            filter: Filter {
                operations: operations(rule.kind),
                ..spec.filter
            },
            way: rule.way,
            delay: (rule.delay_ns > 0).then(|| delay(rule.delay_ns)),
            limits: limit.map_or(Limits::NONE, |(period_us, quota)| {
                Limits::new(Limit::new(period_us, quota, 0), None, 0)
            }),
            sequence: rule.sequence,
            ..spec
        }
    }

    pub(super) fn end_at(&mut self, injection: usize, end_ns: u64) -> Result<(), String> {
        // An end that has come does not change any more.
        let before = self.reference.ends_ns[injection];
        if before.is_none_or(|before_ns| before_ns > self.reference.now_ns) {
            self.injections[injection].lease.set_end_ns(end_ns);
            self.reference.ends_ns[injection] = Some(end_ns);
            self.requests.judge_again(self.reference.now_ns);
            self.completions.judge_again(self.reference.now_ns);
            self.compare_asking();
            self.reference.judge_again();
        }
        Ok(())
    }
}

fn operations(kind: Option<Kind>) -> Operations {
    let words: &[u8] = match kind {
        None => b"",
        Some(Kind::Read) => b"read",
        Some(_) => b"write",
    };
    Operations::parse(words).unwrap()
}

fn delay(delay_ns: u64) -> Delay {
    match delay_ns {
        u64::MAX => Delay::ENDLESS,
        _ => Delay::new(Distribution::Uniform, (delay_ns / NS_PER_US) as u32, 0, 0),
    }
}
