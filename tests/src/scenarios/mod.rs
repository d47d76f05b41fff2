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
mod exact;
mod fair;
mod filter;
mod filter_kernel;
mod flush;
mod input;
mod iostat;
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
mod recovery_parked;
mod security;
mod seed;
mod sleep;
mod tags;
mod traps;
mod traps_files;
mod traps_integrity;
mod traps_nvme;
mod traps_others;
mod traps_stacked;
mod traps_zoned;
mod untouched;

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
    scenario("filter_cgroup_buffered", filter_kernel::cgroup_buffered),
    scenario("filter_cgroup_removed", filter_kernel::cgroup_removed),
    scenario("filter_pid_namespace", filter::pid_namespace),
    scenario("filter_not_metadata", filter_kernel::not_metadata),
    scenario("filter_not_swap", filter_kernel::not_swap),
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
    scenario("others_throttling_stays", others::throttling_stays),
    scenario("others_in_a_crowd", others::in_a_crowd),
    scenario("others_with_shared_tags", others::with_shared_tags),
    scenario("untouched_flush", untouched::flush),
    scenario("untouched_flush_of_requests", untouched::flush_of_requests),
    scenario("untouched_groups", untouched::groups),
    scenario("untouched_kworker", untouched::kworker),
    scenario("untouched_crypt", untouched::crypt),
    scenario("untouched_zoned", untouched::zoned),
    scenario("tags_none_of_others", tags::none_of_others),
    scenario("tags_of_whole_disks", tags::of_whole_disks),
    scenario("tags_throughput", tags::throughput),
    scenario("tags_memory", tags::memory),
    scenario("fair_2_queues", fair::two_queues),
    scenario("fair_4_queues", fair::four_queues),
    scenario("exact_100us", exact::delay_100us),
    scenario("exact_1ms", exact::delay_1ms),
    scenario("exact_10ms", exact::delay_10ms),
    scenario("iostat_delays", iostat::delays),
    scenario("iostat_limits", iostat::limits),
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
    scenario("recovery_parked_rmdir", recovery_parked::rmdir),
    scenario("recovery_parked_disabled", recovery_parked::disabled),
    scenario(
        "recovery_parked_panic_button",
        recovery_parked::panic_button,
    ),
    scenario(
        "recovery_parked_other_scheduler",
        recovery_parked::other_scheduler,
    ),
    scenario("recovery_parked_lease_end", recovery_parked::lease_end),
    scenario("sleep_hibernation", sleep::hibernation),
    scenario("sleep_suspend", sleep::suspend),
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
    scenario("traps_split", traps::split),
    scenario("traps_stripe", traps_stacked::stripe),
    scenario("traps_raid0", traps_stacked::raid0),
    scenario("traps_crypt", traps_stacked::crypt),
    scenario("traps_mirror", traps_stacked::mirror),
    scenario("traps_raid1", traps_stacked::raid1),
    scenario("traps_multipath", traps_stacked::multipath),
    scenario("traps_nvme", traps_nvme::nvme),
    scenario("traps_integrity", traps_integrity::integrity),
    scenario("traps_latency", traps_others::latency),
    scenario("traps_weights", traps_others::weights),
    scenario("traps_throttled", traps_others::throttled),
    scenario("traps_polled", traps_others::polled),
    scenario("traps_no_memory", traps_others::no_memory),
    scenario("traps_processors", traps_others::processors),
    scenario("traps_zones", traps_zoned::zones),
    scenario("traps_zone_append", traps_zoned::append),
    scenario("traps_ext4", traps_files::ext4),
    scenario("traps_xfs", traps_files::xfs),
    scenario("traps_btrfs", traps_files::btrfs),
    scenario("traps_f2fs", traps_files::f2fs),
];
