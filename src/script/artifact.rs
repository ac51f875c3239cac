//! A file that a job uploads.

use std::fmt;
use std::sync::Arc;

/// What the agent says of a file whose name tells it nothing.
/// Source: buildkite/agent, `ArtifactFallbackMimeType`.
const UNKNOWN: &str = "binary/octet-stream";

/// By the end of a name: those of the agent's table that builds usually make. For `gz`, `md` and `tgz` it asks its
/// system; what Linux says is here, and recorded for `md`.
/// Source: buildkite/agent, `internal/mime`.
const MIME_TYPES: &[(&str, &str)] = &[
    ("7z", "application/x-7z-compressed"),
    ("apk", "application/vnd.android.package-archive"),
    ("bin", "application/octet-stream"),
    ("bz2", "application/x-bzip2"),
    ("conf", "text/plain"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("deb", "application/octet-stream"),
    ("dmg", "application/octet-stream"),
    ("exe", "application/octet-stream"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/x-icon"),
    ("iso", "application/octet-stream"),
    ("jar", "application/java-archive"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "application/javascript"),
    ("json", "application/json"),
    ("log", "text/plain"),
    ("md", "text/markdown"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("rpm", "application/x-redhat-package-manager"),
    ("sh", "application/x-sh"),
    ("so", "application/octet-stream"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tgz", "application/gzip"),
    ("tsv", "text/tab-separated-values"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain"),
    ("wasm", "application/wasm"),
    ("wav", "audio/x-wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("woff2", "font/woff2"),
    ("xml", "text/xml"),
    ("xz", "application/x-xz"),
    ("yaml", "text/yaml"),
    ("yml", "text/yaml"),
    ("zip", "application/zip"),
];

/// A file, and what is computed of it once. Clones share its bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ArtifactFile {
    pub(crate) path: Arc<str>,
    pub(crate) content: Arc<[u8]>,
    /// 40 hexadecimal digits.
    pub(crate) sha1sum: Arc<str>,
    pub(crate) mime_type: &'static str,
}

impl ArtifactFile {
    /// `None` if no file can be there.
    pub(crate) fn new(path: &str, content: Arc<[u8]>) -> Option<Self> {
        let path = path.trim_start_matches("./");
        let names_a_file = path
            .split('/')
            .next_back()
            .is_some_and(|name| !matches!(name, "" | "." | ".."));
        names_a_file.then(|| Self {
            path: path.into(),
            sha1sum: sha1_smol::Sha1::from(&content).digest().to_string().into(),
            mime_type: mime_type(path),
            content,
        })
    }

    /// `.` for a file at the root: as recorded.
    pub(crate) fn dirname(&self) -> &str {
        match self.path.rsplit_once('/') {
            None => ".",
            Some(("", _)) => "/",
            Some((dirname, _)) => dirname,
        }
    }

    pub(crate) fn filename(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// Without its bytes, of which there may be many.
impl fmt::Debug for ArtifactFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArtifactFile")
            .field("path", &self.path)
            .field("bytes", &self.content.len())
            .field("sha1sum", &self.sha1sum)
            .field("mime_type", &self.mime_type)
            .finish()
    }
}

fn mime_type(path: &str) -> &'static str {
    let extension = path
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'))
        .map(|(_, extension)| extension.to_ascii_lowercase());
    let known = MIME_TYPES
        .iter()
        .find(|(known, _)| extension.as_deref() == Some(known));
    known.map_or(UNKNOWN, |(_, mime_type)| mime_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart() {
        let table = [
            ("README.md", ".", "README.md", "text/markdown"),
            ("./log/a.LOG", "log", "a.LOG", "text/plain"),
            ("a/b/c", "a/b", "c", UNKNOWN),
            ("/c.tar.gz", "/", "c.tar.gz", "application/gzip"),
            ("a.html/b", "a.html", "b", UNKNOWN),
        ];
        for (path, dirname, filename, mime_type) in table {
            let file = ArtifactFile::new(path, Arc::new([])).expect("a file");
            assert_eq!(
                (file.dirname(), file.filename(), file.mime_type),
                (dirname, filename, mime_type),
                "{path}"
            );
        }
        for path in ["", "./", "a/", "a/..", "."] {
            assert_eq!(ArtifactFile::new(path, Arc::new([])), None, "{path}");
        }
    }

    #[test]
    fn a_checksum_is_the_one_of_the_bytes() {
        let file = ArtifactFile::new("a", (*b"abc").into()).expect("a file");
        assert_eq!(&*file.sha1sum, "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
