//! Scenarios are read, filled in, and refused with what to write instead.

use super::*;
use crate::conditions::{CONDITIONS, Condition};
use crate::impair::{Distribution, ETHERNET_MTU, GilbertElliott, Jitter, Loss, Reorder};
use std::fmt::Write as _;
use std::path::Path;
use terms::{ByteSize, Rate};

fn parse(text: &str) -> Scenario {
    Scenario::parse(text, "t.toml").unwrap_or_else(|findings| panic!("{findings}"))
}

fn refused(text: &str) -> String {
    match Scenario::parse(text, "t.toml") {
        Ok(scenario) => panic!("{scenario:?}"),
        Err(findings) => findings.to_string(),
    }
}

fn samples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn the_samples_and_those_of_the_documentation_are_scenarios() {
    let samples = samples();
    assert!(samples.len() >= 3);
    for (name, text) in samples {
        Scenario::parse(&text, &name).unwrap_or_else(|findings| panic!("{findings}"));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut shown = 0;
    for page in ["docs/guides/lab.md", "docs/reference/lab.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        for block in blocks {
            Scenario::parse(block, page).unwrap_or_else(|findings| panic!("{findings}\n{block}"));
            shown += 1;
        }
    }
    assert!(shown >= 1, "only {shown} scenarios are shown");
}

#[test]
fn every_condition_is_a_scenario_and_does_something() {
    for condition in CONDITIONS {
        // Its body is written out, since what a condition says wrongly would be skipped over.
        let body = format!("[[link]]\nbetween = [\"near\", \"far\"]\n{}\n", condition.figures);
        let written = parse(&body);
        let named = parse(&condition.scenario());
        let [link] = named.links.as_slice() else { panic!() };
        assert_eq!((&link.forward, &link.backward), (&written.links[0].forward, &written.links[0].backward));
        assert!(link.forward.rate.is_some() && link.backward.rate.is_some(), "{}", condition.name);
        assert!(link.forward.delay > Duration::ZERO);
        assert_eq!(named.hosts.len(), 2);
        assert!(Condition::named(condition.name) == Some(condition));
    }
    let link = &parse(&Condition::named("lyon-slac").unwrap().scenario()).links[0];
    assert_eq!(link.forward.delay + link.backward.delay, Duration::from_millis(110));
}

#[test]
fn conditions_and_all_their_keys_are_in_the_reference() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/lab.md");
    let page = std::fs::read_to_string(page).unwrap();
    for condition in CONDITIONS {
        assert!(page.contains(&format!("| `{}` |", condition.name)), "{} is not in the reference", condition.name);
        assert!(page.contains(condition.reason), "the reason of {} is not in the reference", condition.name);
    }
    for key in super::figures::KEYS {
        assert!(page.contains(&format!("| `{key}` |")), "{key} is not in the reference");
    }
}

#[test]
fn what_is_left_out_is_filled_in() {
    let scenario = parse("[[link]]\nbetween = [\"a\", \"b\"]\n");
    assert_eq!((scenario.name.as_str(), scenario.seed), ("lab", 1));
    let names: Vec<&str> = scenario.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(scenario.hosts[0].sysctls.iter().any(|(key, _)| key == "net.ipv4.tcp_rmem"));
    let [link] = scenario.links.as_slice() else { panic!() };
    assert_eq!(link.name, "link1");
    assert_eq!(link.forward, Direction::default());
    assert_eq!(link.a.v4, Some(([10, 77, 1, 1].into(), 24)));
    assert_eq!(link.b.v6, Some(("fd70:6f72:746f:1::2".parse().unwrap(), 64)));
    assert!(scenario.routes.is_empty());
    let names = scenario.names();
    assert_eq!(names[0], ("10.77.1.1".parse().unwrap(), vec!["a".to_owned(), "a.link1".to_owned()]));
    assert_eq!(names.len(), 4);
}

#[test]
fn every_figure_is_read() {
    let scenario = parse(
        "seed = 9\n[[link]]\nname = \"l\"\nbetween = [\"a\", \"b\"]\nrate = \"1 Gbit/s\"\nqueue = \"50 ms\"\n\
         overhead = 38\nrtt = \"110 ms\"\nloss = \"1/10000\"\nmtu = 9000\n\
         jitter = { spread = \"2 ms\", distribution = \"pareto\", keeps_order = false }\n\
         burst = { p = \"0.02 %\", r = \"25 %\", 1-h = \"90 %\", 1-k = \"0.1 %\" }\n\
         reorder = { probability = \"0.1 %\", by = \"1 ms\", gap = 3 }\nduplicate = \"1 %\"\ncorrupt = \"2 %\"\n\
         blackhole_above = 1400\n\
         backward = { rate = \"none\", delay = \"1 s\", jitter = \"none\", burst = \"none\", reorder = \"none\", \
         blackhole_above = \"none\", down = true, queue = \"1 MB\" }\n",
    );
    let link = &scenario.links[0];
    let forward = Direction {
        rate: Some(Rate(1_000_000_000)),
        overhead_bytes: 38,
        queue: ByteSize(6_250_000),
        delay: Duration::from_millis(55),
        jitter: Some(Jitter {
            spread: Duration::from_millis(2),
            distribution: Distribution::Pareto,
            keeps_order: false,
        }),
        loss: Loss {
            independent: 0.0001,
            bursty: Some(GilbertElliott { p: 0.0002, r: 0.25, loss_in_bad: 0.9, loss_in_good: 0.001 }),
        },
        reorder: Some(Reorder { probability: 0.001, by: Duration::from_millis(1), gap: 3 }),
        duplicate: 0.01,
        corrupt: 0.02,
        mtu: 9000,
        blackhole_above: Some(1400),
        down: false,
    };
    assert_eq!(link.forward, forward);
    let backward = Direction {
        rate: None,
        queue: ByteSize(1_000_000),
        delay: Duration::from_secs(1),
        jitter: None,
        loss: Loss { independent: 0.0001, bursty: None },
        reorder: None,
        blackhole_above: None,
        down: true,
        ..forward
    };
    assert_eq!(link.backward, backward);
    assert_ne!(scenario.seed_of(0, true), scenario.seed_of(0, false));
}

#[test]
fn a_queue_without_a_word_is_a_bandwidth_delay_product() {
    let queue =
        |figures: &str| parse(&format!("[[link]]\nbetween = [\"a\", \"b\"]\n{figures}\n")).links[0].forward.queue;
    assert_eq!(queue("rate = \"1 Gbit/s\"\nrtt = \"110 ms\""), ByteSize(13_750_000));
    assert_eq!(queue("rate = \"1 Gbit/s\""), ByteSize(625_000));
    assert_eq!(queue("rate = \"1 Mbit/s\""), ByteSize(131_072));
    assert_eq!(queue("rtt = \"110 ms\""), ByteSize(0));
}

#[test]
fn routes_are_the_shortest_by_delay_and_lead_through_routers_only() {
    let (_, text) = samples().into_iter().find(|(name, _)| name.ends_with("two-ways.toml")).unwrap();
    let scenario = parse(&text);
    let shown = |node: &str| {
        let own = scenario.routes.iter().filter(|route| route.node == node && route.to.is_ipv4());
        own.map(|route| format!("{}/{} via {} dev {}", route.to, route.prefix_length, route.via, route.device))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        shown("lyon"),
        [
            "10.77.2.0/24 via 10.77.1.2 dev left",
            "10.77.3.0/24 via 10.77.1.2 dev left",
            "10.77.4.0/24 via 10.77.1.2 dev left",
        ]
    );
    assert_eq!(shown("r1"), ["10.77.4.0/24 via 10.77.2.2 dev upper"]);
    // A triangle of hosts: none forwards for the others.
    let hosts =
        parse("[[link]]\nbetween=[\"a\",\"b\"]\n[[link]]\nbetween=[\"b\",\"c\"]\n[[link]]\nbetween=[\"c\",\"d\"]\n");
    assert!(hosts.routes.iter().all(|route| (route.node.as_str(), route.to) != ("a", "10.77.3.0".parse().unwrap())));
}

#[test]
fn a_way_leads_to_all_addresses_of_its_ends() {
    let (_, text) = samples().into_iter().find(|(name, _)| name.ends_with("two-ways.toml")).unwrap();
    let scenario = parse(&text);
    let Some(What::Routes(routes)) = scenario.timeline.last().map(|step| &step.what) else { panic!() };
    let mut shown = String::new();
    for route in routes.iter().filter(|route| route.to.is_ipv4()) {
        writeln!(shown, "{}: {}/{} via {} dev {}", route.node, route.to, route.prefix_length, route.via, route.device)
            .unwrap();
    }
    assert_eq!(
        shown,
        "lyon: 10.77.4.2/32 via 10.77.1.2 dev left\nr1: 10.77.4.2/32 via 10.77.3.2 dev lower\n\
         slac: 10.77.1.1/32 via 10.77.4.1 dev right\nr2: 10.77.1.1/32 via 10.77.3.1 dev lower\n"
    );
    // The same at the beginning pins the route.
    let pinned = text.replace("[[step]]\nat = \"90 s\"\nway", "[[route]]\nway");
    let pinned = parse(&pinned);
    assert!(routes.iter().all(|route| pinned.routes.contains(route)));
}

#[test]
fn a_timeline_is_the_state_at_each_change() {
    let scenario = parse(
        "[[link]]\nname = \"wan\"\nbetween = [\"a\", \"b\"]\nrate = \"1 Gbit/s\"\ndelay = \"50 ms\"\n\
         [[step]]\nat = \"30 s\"\ndelay = \"+5 ms\"\n\
         [[step]]\nat = \"60 s\"\nlink = \"wan\"\ndown = true\nfor = \"2 s\"\n\
         [[step]]\nat = \"61 s\"\ndelay = \"-10 ms\"\ndirection = \"backward\"\nfor = \"10 s\"\n\
         [[step]]\nat = \"61 s\"\nloss = \"1 %\"\nfor = \"10 s\"\n",
    );
    let seen: Vec<_> = scenario
        .timeline
        .iter()
        .map(|step| {
            let What::Link(state) = &step.what else { panic!() };
            let (forward, backward) = (&state.forward, &state.backward);
            assert_eq!(forward.queue, scenario.links[0].forward.queue);
            let delays = (forward.delay.as_millis(), backward.delay.as_millis());
            (step.at.as_secs(), delays, forward.down, forward.loss.independent)
        })
        .collect();
    assert_eq!(
        seen,
        [
            (30, (55, 55), false, 0.0),
            (60, (55, 55), true, 0.0),
            (61, (55, 45), true, 0.01),
            (62, (55, 45), false, 0.01),
            (71, (55, 55), false, 0.0),
        ]
    );
}

#[test]
fn commands_are_lines_or_lists() {
    let scenario = parse(
        "[[link]]\nbetween = [\"a\", \"b\"]\n[[command]]\nhost = \"a\"\nrun = \"ping b\"\n\
         [[command]]\nname = \"x\"\nhost = \"b\"\nrun = [\"true\", \"1\"]\nbackground = true\nready = 80\n\
         at = \"1 s\"\nlimit = \"5 s\"\n",
    );
    let [first, second] = scenario.commands.as_slice() else { panic!() };
    assert_eq!((first.name.as_str(), first.argv.join(" ")), ("01-a", "sh -c ping b".to_owned()));
    assert_eq!(first.limit, Duration::from_secs(600));
    assert_eq!((second.ready_port, second.at, second.background), (Some(80), Some(Duration::from_secs(1)), true));
    assert_eq!(second.limit, Duration::from_secs(5));
}

/// All findings of one file, as a whole.
#[test]
fn all_that_is_wrong_is_told_at_once_with_what_to_write() {
    let told = refused(
        "nam = \"x\"\nhosts = [\"a\", \"b\"]\nrouters = [\"a\", \"R\"]\n\
         [sysctl]\n\"kernel.panic\" = 1\n\
         [[link]]\nname = \"wan\"\nbetween = [\"a\", \"bb\"]\nrate = \"1\"\ndelay = 5\nrtt = \"1 ms\"\nloss = \"2\"\n\
         condition = \"lyon-slak\"\njitter = { distribution = \"paretto\" }\nmtu = 1000\n\
         [[link]]\nname = \"wan\"\nbetween = [\"a\"]\n\
         [[link]]\nname = \"b\"\nbetween = [\"b\", \"a\"]\nqueue = \"5 ms\"\na = { v4 = \"192.0.2.1/24\" }\n\
         burst = { p = \"1 %\", r = \"0 %\" }\n\
         [[step]]\nat = \"5\"\nlink = \"wam\"\nmtu = 1400\n\
         [[step]]\nat = \"5 s\"\nway = [\"a\", \"c\"]\n\
         [[command]]\nhost = \"z\"\nrun = \"\"\n",
    );
    let expected = "\
t.toml:1:1: there is no 'nam' at the top; write 'name'
t.toml:3:11: \"a\" is a host already; leave it in one of the lists
t.toml:3:17: a name cannot be \"R\"; write a name of at most 15 lower-case letters, digits and '-', that begins with a letter
t.toml:5:1: \"kernel.panic\" is not a setting of a network namespace; write one of the network's, in quotes, as \"net.ipv4.tcp_rmem\"
t.toml:8:17: there is no host or router \"bb\"; write \"b\"
t.toml:9:8: 'rate' cannot be read: '1' has no unit; write one of bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s; write a rate with its unit, as \"1 Gbit/s\", or \"none\"
t.toml:10:9: 'delay' and 'rtt' say the same twice; keep one of them
t.toml:10:9: 'delay' is a bare number; write a time with its unit, as \"55 ms\"
t.toml:12:8: 'loss' cannot be \"2\"; write a share of the packets, as \"0.1 %\" or \"1/1000\"
t.toml:13:13: 'condition' cannot be \"lyon-slak\"; write \"lyon-slac\"
t.toml:14:10: 'spread' is missing; add `spread = \"2 ms\"`
t.toml:14:27: 'distribution' cannot be \"paretto\"; write \"pareto\"
t.toml:15:7: an MTU of 1000 carries no IPv6; write at least 1280, or ipv6 = false at the top
t.toml:18:11: 'between' is not two names; write the two nodes, as between = [\"left\", \"right\"]
t.toml:20:8: \"b\" is the name of a node already; call the link otherwise
t.toml:20:8: link \"b\": only one end has a 'v4'; give one to both ends, or to none
t.toml:22:9: a queue needs a rate behind which to wait; add 'rate', or leave 'queue' out
t.toml:24:26: with 'r' of 0 % a burst never ends; write the probability that it ends, as \"25 %\"
t.toml:26:6: 'at' cannot be read: '5' has no unit; write one of ns, us, ms, s, min, h, d; write a time with its unit, as \"55 ms\"
t.toml:27:8: 'link' cannot be \"wam\"; write \"wan\"
t.toml:28:7: 'mtu' cannot change while the network is up; set it at the link
t.toml:31:7: no link goes from \"a\" to \"c\"; write \"b\"
t.toml:33:8: 'host' cannot be \"z\"; write \"a\"
t.toml:34:7: there is nothing to run; write a command";
    assert_eq!(told, expected);
}

#[test]
fn single_refusals() {
    let link = "[[link]]\nname = \"l\"\nbetween = [\"a\", \"b\"]\n";
    let cases = [
        ("x = [", "t.toml:1:6: this is not TOML"),
        ("seed = 1", "there is no link"),
        ("link = 5", "'link' is a list of tables; write [[link]] above it"),
        ("ipv4 = false\nipv6 = false\n[[link]]\nbetween=[\"a\",\"b\"]", "switch at most one of them off"),
        (&format!("{link}between = 1"), "this is not TOML"),
        (&format!("{link}rate = \"1 bit/s\""), "write a rate from 1 kbit/s to 400 Gbit/s"),
        (&format!("{link}delay = \"1 h\""), "write at most \"30 min\""),
        (&format!("{link}delay = \"+1 ms\""), "'+1 ms' does not begin with a number"),
        (&format!("{link}a = {{ v4 = \"192.0.2.1/24\" }}\nb = {{ v4 = \"192.0.3.1/24\" }}"), "not two of one prefix"),
        (&format!("ipv6 = false\n{link}a.v6 = \"2001:db8::1/64\"\nb.v6 = \"2001:db8::2/64\""), "switched off"),
        (&format!("{link}[[step]]\nat = \"1 s\""), "this step changes nothing"),
        (
            &format!("{link}[[step]]\nat = \"1 s\"\nway = [\"a\", \"b\"]\nfor = \"1 s\""),
            "there is no 'for' of a step that",
        ),
        (
            &format!("{link}[[link]]\nbetween = [\"b\", \"c\"]\n[[step]]\nat = \"1 s\"\nway = [\"a\", \"b\", \"c\"]"),
            "\"b\" is a host, and hosts do not forward",
        ),
        (&format!("{link}[[step]]\nat = \"1 s\"\nloss = \"200 %\""), "write a share from \"0 %\" to \"100 %\""),
        (&format!("{link}[node.c]\nsysctl = {{ \"net.x\" = 1 }}"), "there is no host or router \"c\""),
    ];
    for (text, expected) in cases {
        let told = refused(text);
        assert!(told.contains(expected), "{text}\n{told}");
    }
    assert_eq!(parse(link).links[0].forward.mtu, ETHERNET_MTU);
}

#[test]
fn given_addresses_are_kept_and_the_plan_goes_around_them() {
    let scenario = parse(
        "ipv6 = false\n[[link]]\nbetween = [\"a\", \"b\"]\na.v4 = \"10.77.1.9/24\"\nb.v4 = \"10.77.1.8/24\"\n\
         [[link]]\nbetween = [\"b\", \"c\"]\n",
    );
    assert_eq!(scenario.links[0].a.v4, Some(([10, 77, 1, 9].into(), 24)));
    assert_eq!(scenario.links[1].a.v4, Some(([10, 77, 2, 1].into(), 24)));
    assert!(scenario.links.iter().all(|link| link.a.v6.is_none()));
}
