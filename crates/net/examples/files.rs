//! Serves the files of a folder, to measure what a byte costs: `files FOLDER ADDRESS [CERTIFICATE KEY]`. PUT bodies are
//! counted and thrown away.

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use net::{Body, Drain, FileSlice, Part, RequestBody, ServeSettings};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    net::install_crypto_provider();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = PathBuf::from(arguments.first().ok_or("a folder is missing")?);
    let mut settings = ServeSettings::default();
    if let [_, _, certificate, key] = &arguments[..] {
        let certificate = std::fs::read_to_string(certificate)?;
        settings.tls =
            Some(net::certificate::ServerCertificate::new(&certificate, &std::fs::read_to_string(key)?)?.into());
    }
    let listener = net::listen(arguments.get(1).ok_or("an address is missing")?.parse()?, 1024)?;
    let handler = net::handler_fn(move |request| answer(folder.clone(), request));
    net::serve(listener, settings, handler, Drain::new()).await;
    Ok(())
}

async fn answer(folder: PathBuf, request: Request<RequestBody>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    if request.method() == Method::PUT {
        let mut body = request.into_body();
        let mut received = 0;
        while let Some(Ok(frame)) = body.frame().await {
            received += frame.data_ref().map_or(0, |data| data.len());
        }
        *response.body_mut() = Body::full(format!("{received}\n"));
        return response;
    }
    match File::open(folder.join(request.uri().path().trim_start_matches('/'))) {
        Ok(file) => {
            let len = file.metadata().map_or(0, |facts| facts.len());
            let slice = FileSlice { file: Arc::new(file), offset: 0, len };
            *response.body_mut() = Body::parts(vec![Part::File(slice)]);
        }
        Err(_) => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    response
}
