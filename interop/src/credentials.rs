//! Certificates of users, their proxies and their attributes, as grid sites make them.

use crate::authority::Authority;
use crate::run::Run;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::path::{Path, PathBuf};

/// What `grid-proxy-init`, `voms-proxy-fake` and openssl come from.
pub const GRID: &[(&str, &str)] = &[
    ("openssl", "openssl"),
    ("curl", "curl"),
    ("grid-proxy-init", "globus-proxy-utils"),
    ("voms-proxy-fake", "voms-clients"),
];

/// A certificate and its key, in one file or two.
#[derive(Clone)]
pub struct Credential {
    /// The certificate, perhaps with its chain.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Credential {
    fn in_one(file: PathBuf) -> Self {
        Self { certificate: file.clone(), key: file }
    }

    /// A proxy of this credential, made by `grid-proxy-init` with these options.
    pub fn proxy(&self, authority: &Authority, options: &[&str]) -> Self {
        let file = beside(&self.certificate, &format!("proxy{}", options.concat()));
        Run::new("grid-proxy-init")
            .env("X509_CERT_DIR", authority.hashed())
            .args(["-q", "-valid", "1:00"])
            .args(options)
            .args(["-cert".as_ref(), self.certificate.as_os_str(), "-key".as_ref(), self.key.as_os_str()])
            .arg("-out")
            .arg(&file)
            .succeed();
        Self::in_one(file)
    }

    /// A proxy with these attributes of `testvo`, as its server would sign them with this certificate of a host.
    pub fn voms_proxy(&self, authority: &Authority, server: &Self, names: &[&str], options: &[&str]) -> Self {
        let file = beside(&self.certificate, &format!("voms{}", names.len()));
        let mut run = Run::new("voms-proxy-fake")
            .args(["-q", "-rfc", "-bits", "2048", "-voms", "testvo", "-uri", "localhost:15000", "-newformat"])
            .arg("-certdir")
            .arg(authority.hashed())
            .args(["-cert".as_ref(), self.certificate.as_os_str(), "-key".as_ref(), self.key.as_os_str()])
            .args(["-hostcert".as_ref(), server.certificate.as_os_str()])
            .args(["-hostkey".as_ref(), server.key.as_os_str()])
            .args(options);
        for name in names {
            run = run.args(["-fqan", name]);
        }
        run.arg("-out").arg(&file).succeed();
        Self::in_one(file)
    }

    /// A proxy by openssl, after which no other may follow.
    pub fn last_proxy(&self, subject: &str) -> Self {
        let file = |name: &str| beside(&self.certificate, name);
        let (key, request, certificate) = (file("last.key"), file("last.csr"), file("last.pem"));
        fs::write(
            file("last.ext"),
            "keyUsage=critical,digitalSignature\nproxyCertInfo=critical,language:id-ppl-inheritAll,pathlen:0\n",
        )
        .unwrap();
        let openssl = |line: &str| Run::new("openssl").args(line.split_whitespace()).succeed();
        let (own, own_key) = (self.certificate.display(), self.key.display());
        openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout {} -out {} -subj {subject}/CN=4711",
            key.display(),
            request.display()
        ));
        openssl(&format!(
            "x509 -req -in {} -CA {own} -CAkey {own_key} -set_serial 4711 -days 1 -extfile {} -out {}",
            request.display(),
            file("last.ext").display(),
            certificate.display()
        ));
        let all = file("last");
        let parts = [&certificate, &key, &self.certificate].map(|path| fs::read_to_string(path).unwrap());
        fs::write(&all, parts.concat()).unwrap();
        make_private(&all);
        Self::in_one(all)
    }

    /// The same with one bit of its last certificate's signature changed.
    pub fn tampered(&self) -> Self {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
        let text = fs::read_to_string(&self.certificate).unwrap();
        let (before, last) = text.rsplit_once(BEGIN).unwrap();
        let digits: String = last.split("-----END").next().unwrap().split_whitespace().collect();
        let mut der = STANDARD.decode(digits).unwrap();
        *der.last_mut().unwrap() ^= 1;
        let encoded = STANDARD.encode(der);
        let lines: Vec<&str> = encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let file = beside(&self.certificate, "tampered");
        fs::write(&file, format!("{before}{BEGIN}\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))).unwrap();
        make_private(&file);
        Self { certificate: file, key: self.key.clone() }
    }
}

impl Authority {
    /// A certificate of this name, for clients.
    pub fn user(&self, common_name: &str) -> Credential {
        self.issue(common_name, "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=clientAuth\n")
    }

    /// A certificate of this name with these extensions.
    pub fn issue(&self, common_name: &str, extensions: &str) -> Credential {
        self.issue_for(common_name, extensions, 90)
    }

    /// The same for so many days.
    pub fn issue_for(&self, common_name: &str, extensions: &str, days: u32) -> Credential {
        let file = |ending: &str| self.folder().join(format!("{common_name}.{ending}"));
        fs::write(file("ext"), extensions).unwrap();
        self.request(common_name);
        Run::new("openssl")
            .within(self.folder())
            .args("x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial".split(' '))
            .args(["-days", &days.to_string()])
            .args(["-in".as_ref(), file("csr").as_os_str(), "-extfile".as_ref(), file("ext").as_os_str()])
            .arg("-out")
            .arg(file("pem"))
            .succeed();
        Credential { certificate: file("pem"), key: file("key") }
    }

    /// One that ended years ago.
    pub fn expired_user(&self, common_name: &str) -> Credential {
        self.request(common_name);
        let file = |ending: &str| self.folder().join(format!("{common_name}.{ending}"));
        self.ca()
            .args(
                "-batch -notext -preserveDN -policy any -startdate 20200101000000Z -enddate 20210101000000Z".split(' '),
            )
            .args(["-in".as_ref(), file("csr").as_os_str(), "-out".as_ref(), file("pem").as_os_str()])
            .succeed();
        Credential { certificate: file("pem"), key: file("key") }
    }

    /// Revokes a certificate and publishes the list in the hashed folder.
    pub fn revoke(&self, credential: &Credential) {
        self.ca().arg("-revoke").arg(&credential.certificate).succeed();
        self.publish_list();
    }

    /// Publishes the list of what was revoked until now.
    pub fn publish_list(&self) {
        let list = self.folder().join("ca.crl");
        self.ca().args(["-gencrl", "-out"]).arg(&list).succeed();
        self.publish(&list, "r0");
    }

    /// Publishes a list that ended years ago.
    pub fn publish_old_list(&self) {
        let list = self.folder().join("old.crl");
        let span = ["-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20210101000000Z"];
        self.ca().args(["-gencrl", "-out"]).arg(&list).args(span).succeed();
        self.publish(&list, "r0");
    }

    /// Publishes a signing policy that allows names of this pattern.
    pub fn publish_policy(&self, pattern: &str) {
        let policy = self.folder().join("policy");
        let text = format!(
            "access_id_CA X509 '/DC=org/DC=example/CN=Test-CA'\npos_rights globus CA:sign\n\
             cond_subjects globus '\"{pattern}\"'\n"
        );
        fs::write(&policy, text).unwrap();
        self.publish(&policy, "signing_policy");
    }

    /// Puts a file beside each of the hashed certificates, replaced as a whole.
    fn publish(&self, file: &Path, ending: &str) {
        for entry in fs::read_dir(self.hashed()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "0") {
                let part = path.with_extension("part");
                fs::copy(file, &part).unwrap();
                fs::rename(&part, path.with_extension(ending)).unwrap();
            }
        }
    }

    fn request(&self, common_name: &str) {
        let subject = format!("/DC=org/DC=example/CN={common_name}");
        Run::new("openssl")
            .within(self.folder())
            .args(["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject])
            .args(["-keyout", &format!("{common_name}.key"), "-out", &format!("{common_name}.csr")])
            .succeed();
        make_private(&self.folder().join(format!("{common_name}.key")));
    }

    fn ca(&self) -> Run {
        let folder = self.folder();
        let settings = folder.join("ca.cnf");
        if !settings.exists() {
            let shown = folder.display();
            let text = format!(
                "[ca]\ndefault_ca=own\n[own]\ndatabase={shown}/index\nnew_certs_dir={shown}\nserial={shown}/serial\n\
                 crlnumber={shown}/crlnumber\ndefault_md=sha256\ndefault_crl_days=2\nx509_extensions=user\n[any]\n\
                 DC=optional\nCN=optional\n[user]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n"
            );
            fs::write(&settings, text).unwrap();
            fs::write(folder.join("index"), "").unwrap();
            fs::write(folder.join("serial"), "1000\n").unwrap();
            fs::write(folder.join("crlnumber"), "01\n").unwrap();
        }
        Run::new("openssl")
            .within(folder)
            .arg("ca")
            .arg("-config")
            .arg(settings)
            .args(["-cert", "ca.pem", "-keyfile", "ca.key"])
    }
}

/// A vomsdir in which this server's certificate stands for `testvo`.
pub fn vomsdir(folder: &Path, server: &str) -> PathBuf {
    let vomsdir = folder.join("vomsdir");
    fs::create_dir_all(vomsdir.join("testvo")).unwrap();
    let names = format!("{server}\n/DC=org/DC=example/CN=Test-CA\n");
    fs::write(vomsdir.join("testvo/localhost.lsc"), names).unwrap();
    vomsdir
}

fn beside(path: &Path, name: &str) -> PathBuf {
    let stem = path.file_name().unwrap().to_string_lossy().replace('.', "-");
    path.with_file_name(format!("{stem}-{name}"))
}

/// Grid tools use no key that others may read.
fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
