// SPDX-License-Identifier: GPL-2.0-only

//! The list of all tests.

use crate::report::Report;
use anyhow::Result;

mod combine;
mod command;
mod cost;
mod counters;
mod data;
mod delay;
mod distribution;
mod filter;
mod flush;
mod input;
mod jitter;
mod kchaos;
mod lease;
mod limit;
mod merge;
mod module;
mod others;
mod raw;
mod readme;
mod recovery;
mod security;
mod seed;

/// A test.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Report) -> Result<()>,
}

const fn scenario(name: &'static str, run: fn(&mut Report) -> Result<()>) -> Scenario {
    Scenario { name, run }
}

/// All tests.
pub(crate) const ALL: &[Scenario] = &[
    scenario("limit_example_1_queue", limit::example_1_queue),
    scenario("limit_example_2_queues", limit::example_2_queues),
    scenario("limit_20us", limit::period_20us),
    scenario("limit_100us", limit::period_100us),
    scenario("limit_10ms", limit::period_10ms),
    scenario("limit_1s", limit::period_1s),
    scenario("limit_quota_alone", limit::quota_alone),
    scenario("delay_100us", delay::delay_100us),
    scenario("delay_1ms", delay::delay_1ms),
    scenario("delay_10ms", delay::delay_10ms),
    scenario("delay_1s", delay::delay_1s),
    scenario("jitter_correlation_0", jitter::correlation_0),
    scenario("jitter_correlation_25", jitter::correlation_25),
    scenario("jitter_correlation_50", jitter::correlation_50),
    scenario("jitter_correlation_75", jitter::correlation_75),
    scenario("jitter_correlation_90", jitter::correlation_90),
    scenario("combine_two_delays", combine::two_delays),
    scenario("combine_two_limits", combine::two_limits),
    scenario("combine_delay_and_limit", combine::delay_and_limit),
    scenario("filter_operation", filter::operation),
    scenario("filter_place_and_size", filter::place_and_size),
    scenario("filter_device", filter::device),
    scenario("filter_cgroup", filter::cgroup),
    scenario("filter_cgroup_buffered", filter::cgroup_buffered),
    scenario("filter_cgroup_removed", filter::cgroup_removed),
    scenario("filter_pid_namespace", filter::pid_namespace),
    scenario("filter_not_metadata", filter::not_metadata),
    scenario("filter_not_swap", filter::not_swap),
    scenario("filter_chance_and_count", filter::chance_and_count),
    scenario("lease_on_time", lease::on_time),
    scenario("lease_renewed", lease::renewed),
    scenario("command_killed", command::killed),
    scenario("command_ends", command::ends),
    scenario(
        "command_anothers_of_its_name",
        command::anothers_of_its_name,
    ),
    scenario("others_1_queue", others::one_queue),
    scenario("others_2_queues", others::two_queues),
    scenario("others_after_a_lease", others::after_a_lease),
    scenario("others_by_place", others::by_place),
    scenario("others_written_back", others::written_back),
    scenario(
        "others_throttling_comes_back",
        others::throttling_comes_back,
    ),
    scenario("others_in_a_crowd", others::in_a_crowd),
    scenario("others_with_shared_tags", others::with_shared_tags),
    scenario("counters_delays", counters::delays),
    scenario("counters_limits", counters::limits),
    scenario("counters_held_and_early", counters::held_and_early),
    scenario("distribution_uniform", distribution::shape_uniform),
    scenario("distribution_normal", distribution::shape_normal),
    scenario("distribution_pareto", distribution::shape_pareto),
    scenario(
        "distribution_paretonormal",
        distribution::shape_paretonormal,
    ),
    scenario("distribution_percentiles", distribution::percentiles),
    scenario("seed_repeats", seed::repeats),
    scenario("cost_path_length", cost::path_length),
    scenario("recovery_rmdir", recovery::rmdir),
    scenario("recovery_disabled", recovery::disabled),
    scenario("recovery_smaller_delay", recovery::smaller_delay),
    scenario("recovery_panic_button", recovery::panic_button),
    scenario("recovery_other_scheduler", recovery::other_scheduler),
    scenario("recovery_disk_removed", recovery::disk_removed),
    scenario("recovery_processor_offline", recovery::processor_offline),
    scenario("recovery_limit", recovery::limit_ended),
    scenario("module_in_use", module::in_use),
    scenario("module_200_rounds", module::rounds),
    scenario("input_bad_values", input::bad_values),
    scenario("input_bad_texts", input::bad_texts),
    scenario("input_too_many", input::too_many),
    scenario("input_good_values", input::good_values),
    scenario("kchaos_whole_round", kchaos::whole_round),
    scenario("kchaos_dry_run_pasted", kchaos::dry_run_pasted),
    scenario("readme_commands", readme::commands_work),
    scenario("flush_delayed_once", flush::delayed_once),
    scenario("flush_inserted_once", flush::inserted_once),
    scenario("data_verified", data::verified),
    scenario("merge_streams", merge::streams),
    scenario("security_modes", security::modes),
    scenario("security_nobody", security::nobody),
    scenario("security_container", security::container),
    scenario("security_addresses", security::addresses),
    scenario("raw_writes", raw::writes),
];
