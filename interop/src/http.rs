//! The least of an HTTP/1.1 client: for faults that no well-behaved client can make, and without hiding any.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Nothing here takes longer unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The head's lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection to a port on this machine.
pub fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One request on a connection of its own. An error means that no whole answer came: nothing was acknowledged.
pub fn request(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
    let mut stream = connect(port)?;
    stream.write_all(head(method, path, headers, Some(body.len() as u64)).as_bytes())?;
    // A server may refuse before it has read all, and close: its answer says more than our failed write.
    let written = stream.write_all(body);
    answer(&mut stream, method).or_else(|error| written.and(Err(error)))
}

/// The head of a request.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)], length: Option<u64>) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(length) = length {
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    head + "\r\n"
}

/// Reads one answer to its end; interim answers (1xx) are passed over.
pub fn answer(stream: &mut TcpStream, method: &str) -> io::Result<Answer> {
    let mut reader = BufReader::new(stream);
    loop {
        let (status, headers) = answer_head(&mut reader)?;
        if status / 100 == 1 {
            continue;
        }
        let value = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let mut body = Vec::new();
        if method == "HEAD" || status == 204 || status == 304 {
        } else if let Some(length) = value("content-length") {
            let length: usize = length.parse().map_err(io::Error::other)?;
            body.resize(length, 0);
            reader.read_exact(&mut body)?;
        } else if value("transfer-encoding").is_some() {
            chunks(&mut reader, &mut body)?;
        } else {
            reader.read_to_end(&mut body)?;
        }
        return Ok(Answer { status, headers, body });
    }
}

type Headers = Vec<(String, String)>;

fn answer_head(reader: &mut impl BufRead) -> io::Result<(u16, Headers)> {
    let first = line(reader)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status line: '{first}'")))?;
    let mut headers = Headers::new();
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

fn chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let size = line(reader)?;
        let length = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + length, 0);
        reader.read_exact(&mut body[start..])?;
        while !line(reader)?.is_empty() {}
        if length == 0 {
            return Ok(());
        }
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}
