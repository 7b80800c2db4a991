//! The client's side of the command.

use super::super::{misused, print, say, tell};
use super::Arguments;
use soundings::iperf3::{Ahead, Ask, News, ahead, run as test};
use soundings_core::iperf3::report;
use soundings_core::iperf3::text::{Format, Text};
use soundings_core::iperf3::wire::Parameters;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;

pub(super) async fn run(arguments: &Arguments, parameters: Parameters, format: Format) -> ExitCode {
    let host = arguments.client.clone().unwrap_or_default();
    let mut addresses = match net::addresses_of(&host, arguments.port, arguments.family()).await {
        Ok(addresses) => addresses,
        Err(error) => return tell(&misused(format!("There is no address to test: {error}")), 1),
    };
    if let Some(bind) = arguments.bind {
        addresses.retain(|address| address.is_ipv4() == bind.is_ipv4());
    }
    if arguments.json && addresses.len() > 1 {
        let others: Vec<String> =
            addresses.drain(1..).map(|address| net::Family::of(address.ip()).to_string()).collect();
        let family = addresses.first().map(|address| net::Family::of(address.ip()).to_string()).unwrap_or_default();
        say(&format!("{host} is tested over {family}; it has {} too.", others.join(" and ")));
    }
    if addresses.is_empty() {
        return tell(&misused(format!("{host} has no address of the family of the address to bind to")), 1);
    }
    let (interrupt, watched) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupt.send_replace(true);
        }
        // The sender lives as long as the program: without it nobody could be waited for.
        std::future::pending::<()>().await;
    });
    let both = addresses.len() > 1;
    let mut code = ExitCode::SUCCESS;
    for address in addresses {
        if both {
            say(&format!("Over {}:", net::Family::of(address.ip())));
        }
        if !one(arguments, &host, address, parameters.clone(), format, watched.clone()).await {
            code = ExitCode::FAILURE;
        }
        if *watched.borrow() {
            break;
        }
    }
    code
}

/// One test, shown; whether it ended as agreed.
async fn one(
    arguments: &Arguments,
    host: &str,
    address: SocketAddr,
    parameters: Parameters,
    format: Format,
    interrupt: watch::Receiver<bool>,
) -> bool {
    let ask = Ask {
        host: host.to_owned(),
        address,
        bind: arguments.bind,
        client_port: arguments.test.cport,
        parameters,
        interval: arguments.interval(),
        connect_timeout: Duration::from_millis(arguments.test.connect_timeout),
        patience: Duration::from_secs(arguments.patience),
        deadlines: arguments.deadlines(),
    };
    let json = arguments.json;
    let port = arguments.port;
    let ended = test(ask, interrupt, |news| match news {
        News::Waiting => {
            tokio::spawn(async move { say(&waiting(ahead(address).await)) });
        }
        _ if json => {}
        News::Connected => print(&format!("Connecting to host {host}, port {port}\n")),
        News::Started(start) => lines(&Text::new(start, format).opening()),
        News::Interval(start, interval) => lines(&Text::new(start, format).interval(interval)),
    })
    .await;
    if json {
        print(&report::document(&ended.test));
    } else if let (Some(start), Some(end)) = (&ended.test.start, &ended.test.end) {
        lines(&Text::new(start, format).closing(end));
        if ended.problem.is_none() {
            print("\niperf Done.\n");
        }
    }
    match &ended.problem {
        Some(problem) => {
            tell(problem, 1);
            false
        }
        None => true,
    }
}

/// What a client is told that waits.
fn waiting(ahead: Option<Ahead>) -> String {
    let Some(Ahead { running, waiting, at_most_seconds }) = ahead else {
        return "The server has not answered yet: another test runs there, and this one waits for its turn.".to_owned();
    };
    let others = match waiting.saturating_sub(1) {
        0 => "nobody else waits".to_owned(),
        1 => "one other waits".to_owned(),
        more => format!("{more} others wait"),
    };
    let tests = if running == 1 { "A test runs".to_owned() } else { format!("{running} tests run") };
    format!("{tests} there, for {at_most_seconds:.0} s more at most, and this one waits for its turn; {others}.")
}

pub(super) fn lines(lines: &[String]) {
    let mut text = lines.join("\n");
    text.push('\n');
    print(&text);
}
