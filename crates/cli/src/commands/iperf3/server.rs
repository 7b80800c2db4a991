//! The server's side of the command.

use super::super::{EXIT_IN_THE_WAY, print, say, tell};
use super::Arguments;
use super::client::lines;
use net::{Drain, SocketOptions};
use soundings::iperf3::{ServerNews, StandAlone, by_hand, listen};
use soundings_core::iperf3::report;
use soundings_core::iperf3::session::Ending;
use soundings_core::iperf3::text::{Format, Text};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;

pub(super) async fn run(arguments: &Arguments, format: Format) -> ExitCode {
    let listener = match open(arguments) {
        Ok(listener) => listener,
        Err(problem) => return tell(&problem, EXIT_IN_THE_WAY),
    };
    let json = arguments.json;
    if !json {
        let rule = "-".repeat(59);
        print(&format!("{rule}\nServer listening on {}\n{rule}\n", listener.1.port()));
    }
    let drain = Drain::new();
    let patience = Duration::from_secs(arguments.patience);
    let shared =
        by_hand(arguments.limited, arguments.at_once, patience, arguments.deadlines().parameters, drain.clone());
    let wish = StandAlone {
        one_off: arguments.one_off,
        interval: arguments.interval(),
        json,
        format,
        deadlines: arguments.deadlines(),
        tell: Arc::new(move |news| show(&news, json, format)),
    };
    tokio::select! {
        () = listen(listener.0, shared, wish) => {}
        _ = tokio::signal::ctrl_c() => drain.begin(),
    }
    ExitCode::SUCCESS
}

fn open(arguments: &Arguments) -> Result<(tokio::net::TcpListener, SocketAddr), terms::Problem> {
    let ip = match (arguments.bind, arguments.v4) {
        (Some(ip), _) => ip,
        (None, true) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        (None, false) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let wanted = SocketAddr::new(ip, arguments.port);
    let opened = net::listen_tuned(wanted, BACKLOG, arguments.v6, &SocketOptions::default()).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((tokio::net::TcpListener::from_std(listener)?, address))
    });
    opened.map_err(|error| terms::Problem {
        status: 500,
        kind: "cannot-listen",
        title: "the port cannot be listened on",
        detail: format!("{wanted}: {error}."),
        blame: terms::Blame::Caller,
        retry: terms::Retry::Never,
        next: "Another iperf3 server or a responder may run here; name another port with -p, or end that one."
            .to_owned(),
    })
}

fn show(news: &ServerNews<'_>, json: bool, format: Format) {
    match news {
        ServerNews::Started(start) if !json => lines(&Text::new(start, format).opening()),
        ServerNews::Interval(start, interval) if !json => lines(&Text::new(start, format).interval(interval)),
        ServerNews::Ended(test, ending) => {
            if json {
                print(&report::document(test));
            } else if let (Some(start), Some(end)) = (&test.start, &test.end) {
                lines(&Text::new(start, format).closing(end));
            }
            if **ending != Ending::Done {
                say(&format!("A test did not end as agreed: {ending}."));
            }
        }
        _ => {}
    }
}
