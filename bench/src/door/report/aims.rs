//! What is aimed at, case by case; bench/README.md has the list.

use super::super::cases::{Case, Load, Transport, Verb, Version};
use super::{Report, write_rows};

impl Report {
    /// All aims, as far as their cases were measured.
    pub(super) fn write_aims(&self, out: &mut String) {
        let mut rows = vec![["aim", "case", "wanted", "measured", ""].map(str::to_owned)];
        for case in Case::all() {
            rows.extend(self.aims(case).into_iter().map(|aim| aim.row(case, self.facts.quick)));
        }
        if rows.len() > 1 {
            out.push_str("## Aims\n\n");
            write_rows(out, &rows);
            out.push('\n');
        }
    }

    /// The aims for one case, as far as it was measured.
    pub(super) fn aims(&self, case: Case) -> Vec<Aim> {
        let mut aims = Vec::new();
        let mut add =
            |what, wanted, measured: Option<f64>| aims.extend(measured.map(|measured| Aim { what, wanted, measured }));
        // Others compute no digests: like is compared with like as far as a door that checks nothing can be like ours.
        let light = if case.verb == Verb::Put { "portolan-light" } else { "portolan" };
        match (case.verb, case.load, case.transport) {
            (_, Load::Small, _) => {
                add("rate / nginx", Wanted::AtLeast(1.0), self.rate_ratio(case, "portolan", "nginx"))
            }
            (Verb::Get, _, Transport::Plain) if case.version == Version::H1 => {
                add("CPU / nginx (sendfile)", Wanted::AtMost(1.1), self.cpu_ratio(case, "portolan", "nginx"));
            }
            (Verb::Get, _, Transport::Tls) => {
                add("CPU / nginx", Wanted::AtMost(0.6), self.cpu_ratio(case, "portolan", "nginx"))
            }
            (Verb::Get, _, _) => {}
            (Verb::Put, _, _) => {
                add("CPU with adler32, crc32c / nginx", Wanted::AtMost(1.0), self.cpu_ratio(case, light, "nginx"));
                let cost = |server| Some(self.line(case, server)?.server_cpu()?.median);
                let sha_256 =
                    cost("portolan").zip(cost(light)).map(|(with, without)| (with - without) / self.sha_256_s_per_gib);
                add("sha-256 adds / the hash alone", Wanted::AtMost(1.0), sha_256);
            }
        }
        add("rate / xrootd", Wanted::AtLeast(2.0), self.rate_ratio(case, light, "xrootd"));
        add("CPU / xrootd", Wanted::AtMost(0.5), self.cpu_ratio(case, light, "xrootd"));
        aims
    }
}

/// One thing that is wanted.
pub(super) struct Aim {
    what: &'static str,
    wanted: Wanted,
    measured: f64,
}

#[derive(Clone, Copy)]
enum Wanted {
    AtMost(f64),
    AtLeast(f64),
}

impl Aim {
    /// As the table has it.
    pub(super) fn row(&self, case: Case, quick: bool) -> [String; 5] {
        let (wanted, met) = match self.wanted {
            Wanted::AtMost(most) => (format!("≤ {most:.2}"), self.measured <= most),
            Wanted::AtLeast(least) => (format!("≥ {least:.2}"), self.measured >= least),
        };
        let verdict = match (quick, met) {
            (true, _) => "too short to tell",
            (false, true) => "met",
            (false, false) => "MISSED",
        };
        [self.what.to_owned(), case.name(), wanted, format!("{:.2}", self.measured), verdict.to_owned()]
    }
}
