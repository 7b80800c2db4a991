//! A private network for the servers and their clients. xrootd listens on every address and cannot be told otherwise; in
//! here that reaches nobody, and ports never collide.
//!
//! The program starts itself again below `unshare`, in new network and process namespaces. Both have no name: the kernel
//! removes them, and ends every process in them, with the program itself, whatever ended it.

use std::env;
use std::io::Read;
use std::process::{Command, ExitCode, Stdio};

/// Tells the inner program that it is inside.
const MARK: &str = "PORTOLAN_BENCH_NAMESPACE";

/// Is this the inner program?
pub(crate) fn inside() -> bool {
    env::var_os(MARK).is_some()
}

/// May this user make namespaces?
pub(crate) fn possible() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs this program again inside, with the same arguments, and waits for it.
pub(crate) fn run_again_inside() -> Result<ExitCode, String> {
    let program = env::current_exe().map_err(|error| format!("the path of this program is unknown: {error}"))?;
    let mut inner = Command::new("unshare")
        .args(["--net", "--pid", "--fork", "--mount-proc", "--kill-child", "--"])
        .arg(program)
        .args(env::args_os().skip(1))
        .env(MARK, "1")
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| format!("unshare (of util-linux) does not start: {error}"))?;
    // Never written to. It closes when we end, by whatever signal, and that ends the inner program.
    let lifeline = inner.stdin.take();
    let status = inner.wait().map_err(|error| format!("waiting for unshare: {error}"))?;
    drop(lifeline);
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// First thing inside: brings loopback up, and ends this process, and with it all in the namespace, when the outer
/// program is gone.
pub(crate) fn settle_in() -> Result<(), String> {
    std::thread::spawn(|| {
        let mut byte = [0];
        while std::io::stdin().read(&mut byte).is_ok_and(|count| count > 0) {}
        #[allow(clippy::disallowed_methods, reason = "the kernel removes what a namespace's first process leaves")]
        std::process::exit(130);
    });
    let status = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`ip link set lo up` in the new network namespace: {status}")),
        Err(error) => Err(format!("ip (of iproute2) does not start: {error}")),
    }
}
