//! Model files of a hub, by name.
//!
//! `hf:OWNER/REPOSITORY/FILE.gguf`, with `@REVISION` behind it where another than
//! `main` is meant (a commit, so that the file cannot change). The file is
//! fetched once into the user's cache and is a model like any other from then
//! on; its SHA-256 stands in every manifest. The hub is the one in `HF_ENDPOINT`,
//! or Hugging Face; `HF_TOKEN` opens what is not public.

use super::registry::{self, Progress};
use super::spec::identity;
use crate::error::{Error, Result};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, Response, Url};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a name of a hub's file begins with.
pub const PREFIX: &str = "hf:";

/// Servers that may be passed through on the way to a file.
const REDIRECTIONS: usize = 5;

/// Longest time without a byte.
const SILENCE: Duration = Duration::from_secs(60);

/// A file of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFile {
    repository: String,
    file: String,
    revision: String,
}

impl fmt::Display for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{PREFIX}{}/{}", self.repository, self.file)?;
        match self.revision.as_str() {
            "main" => Ok(()),
            revision => write!(f, "@{revision}"),
        }
    }
}

impl HubFile {
    /// The file that `text` names; `None` if it is no name of a hub's file.
    ///
    /// # Errors
    /// It begins with `hf:` and goes on wrong.
    pub fn named(text: &str) -> Result<Option<HubFile>> {
        let Some(name) = text.strip_prefix(PREFIX) else {
            return Ok(None);
        };
        let wrong = || {
            Error::input("not the name of a hub's file")
                .value(text)
                .allowed("hf:OWNER/REPOSITORY/FILE.gguf or hf:OWNER/REPOSITORY/FILE.gguf@REVISION")
        };
        let (place, revision) = name.split_once('@').unwrap_or((name, "main"));
        let parts: Vec<&str> = place.split('/').collect();
        // Nothing that could leave the folder of models, or change the address.
        let plain = |part: &&str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty() && !part.starts_with('.') && part.chars().all(fits)
        };
        let [owner, repository, file @ ..] = parts.as_slice() else {
            return Err(wrong());
        };
        let good = parts.iter().all(plain) && plain(&revision) && !file.is_empty();
        if !good || !place.ends_with(".gguf") {
            return Err(wrong());
        }
        Ok(Some(HubFile {
            repository: format!("{owner}/{repository}"),
            file: file.join("/"),
            revision: revision.to_owned(),
        }))
    }

    /// Where the file is, or will be once it is fetched.
    ///
    /// # Errors
    /// No place for a cache.
    pub fn path(&self) -> Result<PathBuf> {
        let folder = registry::folder()?.join("hub").join(&self.repository);
        Ok(folder.join(&self.revision).join(&self.file))
    }

    /// Fetches the file unless it is there; returns its path.
    ///
    /// # Errors
    /// No such file, no network, no place, or bytes with another SHA-256 than
    /// the hub states (they are not kept).
    pub fn fetch(&self, progress: &mut dyn FnMut(&Progress)) -> Result<PathBuf> {
        let target = self.path()?;
        if !target.is_file() {
            let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
            let hub = variable("HF_ENDPOINT").unwrap_or("https://huggingface.co".into());
            self.fetch_from(&hub, variable("HF_TOKEN"), &target, progress)?;
        }
        Ok(target)
    }

    fn fetch_from(
        &self,
        hub: &str,
        token: Option<String>,
        target: &Path,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<()> {
        let folder = target.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        let mut file =
            tempfile::NamedTempFile::new_in(folder).map_err(|error| Error::io(folder, error))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| self.failed(&error))?;
        let stated = runtime.block_on(self.load(hub, token, &mut file, progress))?;
        let found = identity(file.path())?;
        if let Some(stated) = stated
            && found != format!("sha256:{stated}")
        {
            return Err(Error::run(format!("{self} is not what the hub states"))
                .value(found)
                .allowed(format!("sha256:{stated}")));
        }
        file.persist(target)
            .map_err(|error| Error::io(target, error.error))?;
        Ok(())
    }

    /// Loads the file; returns the SHA-256 that the hub states, if it states one.
    async fn load(
        &self,
        hub: &str,
        token: Option<String>,
        file: &mut impl Write,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Option<String>> {
        let (mut response, stated) = self.open(hub, token).await?;
        let total = response.content_length().unwrap_or(0);
        let mut bytes = 0;
        while let Some(part) = response
            .chunk()
            .await
            .map_err(|error| self.failed(&error.without_url()))?
        {
            file.write_all(&part).map_err(|error| self.failed(&error))?;
            bytes += part.len() as u64;
            progress(&Progress {
                bytes,
                total,
                label: "download".to_owned(),
            });
        }
        if total > 0 && bytes != total {
            return Err(Error::run(format!("{self}: the download broke off"))
                .value(format!("{bytes} bytes"))
                .allowed(format!("{total} bytes")));
        }
        Ok(stated)
    }

    /// Follows the hub's redirections by hand: only the first answer states the
    /// file's hash, and only the hub itself may see the token.
    async fn open(&self, hub: &str, token: Option<String>) -> Result<(Response, Option<String>)> {
        let address = format!(
            "{}/{}/resolve/{}/{}",
            hub.trim_end_matches('/'),
            self.repository,
            self.revision,
            self.file
        );
        let mut url = Url::parse(&address).map_err(|error| {
            Error::input(format!("HF_ENDPOINT is not the address of a hub: {error}")).value(hub)
        })?;
        let home = url.origin();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .read_timeout(SILENCE)
            .user_agent(concat!("fisc/", env!("CARGO_PKG_VERSION")));
        let client = client.build().map_err(|error| self.failed(&error))?;
        let mut stated = None;
        for _ in 0..=REDIRECTIONS {
            let mut headers = HeaderMap::new();
            if let Some(token) = token.as_ref().filter(|_| url.origin() == home) {
                let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                    .map_err(|_| Error::input("HF_TOKEN is not fit for a header"))?;
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
            let sent = client.get(url.clone()).headers(headers).send().await;
            // A redirection's URL can carry a signature.
            let response = sent.map_err(|error| self.failed(&error.without_url()))?;
            stated = stated.or_else(|| hash(response.headers()));
            let status = response.status();
            if status.is_success() {
                return Ok((response, stated));
            }
            let next = response
                .headers()
                .get(LOCATION)
                .filter(|_| status.is_redirection());
            let Some(next) = next.and_then(|next| next.to_str().ok()) else {
                let hint = match status.as_u16() {
                    401 | 403 => ": is it public, or HF_TOKEN set?",
                    404 => ": is the name right?",
                    _ => "",
                };
                return Err(Error::run(format!(
                    "{self} cannot be fetched{hint} (the hub answers {status})"
                )));
            };
            url = url.join(next).map_err(|error| self.failed(&error))?;
        }
        Err(Error::run(format!(
            "{self}: more than {REDIRECTIONS} redirections"
        )))
    }

    fn failed(&self, error: &dyn std::error::Error) -> Error {
        let mut why = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            why.push_str(&format!(": {error}"));
            cause = error.source();
        }
        Error::run(format!("{self} cannot be fetched: {why}"))
    }
}

/// The SHA-256 of a large file, as the hub states it.
fn hash(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-linked-etag")?.to_str().ok()?;
    let digits = text.trim_matches('"');
    let fits = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    // FIPS 180-4, example for the message "abc".
    const SHA: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    /// A hub that redirects to another server, as hubs do; and what both were asked.
    fn hub(sha: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let serve = |answer: Box<dyn Fn(&str) -> String + Send>| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            let seen = seen.clone();
            std::thread::spawn(move || {
                for mut stream in listener.incoming().flatten() {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    let head: Vec<String> = lines
                        .by_ref()
                        .map_while(|line| line.ok().filter(|line| !line.is_empty()))
                        .collect();
                    let path = head[0].split(' ').nth(1).unwrap().to_owned();
                    let key = head.iter().any(|line| line.contains("Bearer secret"));
                    seen.lock().unwrap().push(format!("{path} {key}"));
                    stream.write_all(answer(&path).as_bytes()).unwrap();
                }
            });
            address
        };
        let store = serve(Box::new(|_| {
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc".into()
        }));
        let hub = serve(Box::new(move |path| match path.contains("missing") {
            true => "HTTP/1.1 404 N\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into(),
            false => format!(
                "HTTP/1.1 302 F\r\nLocation: {store}/blob\r\nX-Linked-Etag: \"{sha}\"\r\n\
                 Content-Length: 0\r\nConnection: close\r\n\r\n"
            ),
        }));
        (hub, seen)
    }

    fn named(text: &str) -> HubFile {
        HubFile::named(text).unwrap().unwrap()
    }

    #[test]
    fn names_are_checked() {
        let file = named("hf:me/models/sub/m.Q4_0.gguf@abc1");
        assert_eq!(file.to_string(), "hf:me/models/sub/m.Q4_0.gguf@abc1");
        assert_eq!(file.file, "sub/m.Q4_0.gguf");
        assert_eq!(named("hf:me/models/m.gguf").revision, "main");
        assert_eq!(HubFile::named("m.gguf").unwrap(), None);
        for wrong in [
            "hf:me/m.gguf",
            "hf:me/models/m.bin",
            "hf:me/../m.gguf",
            "hf:me/models/m.gguf@../x",
            "hf:me/models/m .gguf",
            "hf:me/models/.gguf",
            "hf:",
        ] {
            let error = HubFile::named(wrong).unwrap_err().to_string();
            assert!(error.contains("hf:OWNER"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_file_is_fetched_through_redirections_and_the_token_stays_at_the_hub() {
        let (hub, seen) = hub(SHA);
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a/m.gguf");
        let mut told = 0;
        named("hf:me/models/m.gguf@v1")
            .fetch_from(&hub, Some("secret".into()), &target, &mut |p| {
                told = p.bytes
            })
            .unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"abc");
        assert_eq!(told, 3);
        let expected = ["/me/models/resolve/v1/m.gguf true", "/blob false"];
        assert_eq!(*seen.lock().unwrap(), expected);
    }

    #[test]
    fn a_wrong_or_missing_file_leaves_nothing() {
        let other = "0000000000000000000000000000000000000000000000000000000000000000";
        let (hub, _) = hub(other);
        let folder = tempfile::tempdir().unwrap();
        for (name, word) in [("m", "not what the hub states"), ("missing", "404")] {
            let target = folder.path().join("m.gguf");
            let error = named(&format!("hf:me/models/{name}.gguf"))
                .fetch_from(&hub, None, &target, &mut |_| ())
                .unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
