use super::*;

#[test]
fn a_process_is_found_and_told_apart() {
    let own = Process::find(std::process::id()).unwrap();
    assert!(own.runs());
    assert!(!Process { started: own.started + 1, ..own }.runs(), "another process with our number");
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    assert_eq!(Process::find(pid), None);
}

#[test]
fn what_is_written_down_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(State::read(folder.path()), None);
    let process = Process::find(std::process::id()).unwrap();
    let node = NodeState { name: "lyon".to_owned(), file: 7, inode: 4_026_532_345, cookie: u64::MAX };
    let state = State { boot: boot(), process, user: None, nodes: vec![node] };
    state.write(folder.path()).unwrap();
    assert_eq!(State::read(folder.path()), Some(state.clone()));
    assert!(state.runs());
    assert!(!State { boot: "another".to_owned(), ..state }.runs());
}
