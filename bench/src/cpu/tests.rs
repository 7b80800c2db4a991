//! One real line, odd names, and trees: workers and children that have ended count, neighbours do not.

use super::*;

fn stat(parent: u32, ticks: [u64; 4]) -> Stat {
    let [user_ticks, system_ticks, children_user_ticks, children_system_ticks] = ticks;
    Stat { parent, user_ticks, system_ticks, children_user_ticks, children_system_ticks }
}

#[test]
fn a_line_of_the_kernel_is_read() {
    let line = "4242 (nginx) S 17 4242 17 0 -1 4194560 1131 0 0 0 151 402 7 9 20 0 1 0 8761 11522048 1663 18446744073709551615";
    assert_eq!(Stat::parse(line), Some(stat(17, [151, 402, 7, 9])));
}

#[test]
fn a_name_may_hold_spaces_and_parentheses() {
    let line = "7 (a) (b 1 2) S 3 7 7 0 -1 0 1 0 0 0 10 20 30 40 20 0";
    assert_eq!(Stat::parse(line), Some(stat(3, [10, 20, 30, 40])));
    assert_eq!(Stat::parse("7 (short) S 3"), None);
    assert_eq!(Stat::parse(""), None);
}

#[test]
fn a_tree_is_summed_whole_and_alone() {
    let all = HashMap::from([
        (10, stat(1, [100, 200, 0, 0])),
        (11, stat(10, [10, 20, 5, 6])),
        (12, stat(11, [1, 2, 0, 0])),
        (20, stat(1, [9_000, 9_000, 0, 0])),
    ]);
    let ticks_per_s = clock_ticks_per_second() as f64;
    let cpu = sum(&all, &[10]);
    assert!((cpu.user_s - 116.0 / ticks_per_s).abs() < 1e-9);
    assert!((cpu.system_s - 228.0 / ticks_per_s).abs() < 1e-9);
    // A root that is also a descendant of another counts once.
    assert_eq!(sum(&all, &[10, 12]), cpu);
}

#[test]
fn this_process_is_found_and_a_missing_one_is_said() {
    assert!(of_trees(&[std::process::id()]).is_ok());
    assert!(of_ended_children().is_ok());
    // Process ids end below 2^22 (proc(5), pid_max).
    assert!(of_trees(&[1 << 23]).is_err());
}
