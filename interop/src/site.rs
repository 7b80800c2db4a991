//! A port that takes the tokens of a test issuer: `/vo` and `/tape/vo` are the issuer's.

use crate::issuer::Issuer;
use crate::port::{Port, Setup};
use crate::run::Run;
use std::fs;

/// The issuer and the port. `/vo/f` holds "first", `/vo/folder/g` holds "second".
pub struct Site {
    /// Who signs.
    pub issuer: Issuer,
    /// Who judges.
    pub port: Port,
}

/// What came back.
#[derive(Debug)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// The head, as it came.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Site {
    /// The audience that it knows itself by.
    pub const AUDIENCE: &'static str = "https://port.example";

    /// Starts both. `lines` are further ones of the `[[issuer]]`, `sections` further ones of the settings.
    pub fn start_with(lines: &str, sections: &str) -> Self {
        let issuer = Issuer::start();
        let sections = format!(
            "[[issuer]]\nurl = \"{}\"\naudience = [\"{}\", \"https://alias.example:8443\"]\nauthorities = \"{}\"\n\
             base_path = [\"/vo\", \"/tape/vo\"]\ngroups = [\"/vo\"]\n{lines}\n{sections}\n",
            issuer.url(),
            Self::AUDIENCE,
            issuer.authority().display(),
        );
        let port = Port::start_with(Setup { sections, ..Setup::default() });
        for (path, content) in [("vo/f", "first"), ("vo/folder/g", "second"), ("tape/vo/t", "third"), ("other", "none")]
        {
            let path = port.store().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self { issuer, port }
    }

    /// Starts both.
    pub fn start() -> Self {
        Self::start_with("", "")
    }

    /// Curl with this token, or without any.
    pub fn curl(&self, token: Option<&str>) -> Run {
        let curl = Run::new("curl").args(["-sS", "-i", "--path-as-is", "--max-time", "50", "--cacert"]);
        let curl = curl.arg(self.port.authority());
        match token {
            Some(token) => curl.args(["-H", &format!("Authorization: Bearer {token}")]),
            None => curl,
        }
    }

    /// One request with this token for this path below `/data`.
    pub fn ask(&self, token: &str, method: &str, path: &str) -> Told {
        let url = self.port.url(&format!("/data{path}"));
        told(match method {
            "PUT" => self.curl(Some(token)).args(["-T", "-", &url]).input("of the test"),
            "HEAD" => self.curl(Some(token)).args(["-I", &url]),
            "PROPFIND 0" => self.curl(Some(token)).args(["-X", "PROPFIND", "-H", "Depth: 0", &url]),
            "PROPFIND 1" => self.curl(Some(token)).args(["-X", "PROPFIND", "-H", "Depth: 1", &url]),
            method => self.curl(Some(token)).args(["-X", method, &url]),
        })
    }

    /// A rename, refusing to overwrite or not.
    pub fn rename(&self, token: &str, from: &str, to: &str, overwrite: bool) -> Told {
        let destination = format!("Destination: {}", self.port.url(&format!("/data{to}")));
        let overwrite = format!("Overwrite: {}", if overwrite { "T" } else { "F" });
        let curl = self.curl(Some(token)).args(["-X", "MOVE", "-H", &destination, "-H", &overwrite]);
        told(curl.arg(self.port.url(&format!("/data{from}"))))
    }

    /// The status of one request by the bearer of a good token with these scopes.
    pub fn status(&self, scope: &str, method: &str, path: &str) -> u16 {
        self.ask(&self.issuer.scoped(scope), method, path).status
    }

    /// What lies in the store under this path.
    pub fn stored(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.port.store().join(path.trim_start_matches('/'))).ok()
    }
}

/// Runs curl and takes its answer apart.
pub fn told(curl: Run) -> Told {
    let text = curl.succeed().text();
    let mut rest = text.as_str();
    loop {
        let (head, body) = rest.split_once("\r\n\r\n").unwrap_or((rest, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.get(..3)).and_then(|status| status.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status in {head:?}"));
        if status / 100 == 1 {
            rest = body;
            continue;
        }
        return Told { status, head: head.to_ascii_lowercase(), body: body.to_owned() };
    }
}
