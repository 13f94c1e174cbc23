//! Streamed responses: exports and the live tail.

use futures_util::{Stream, stream};
use poem::http::header;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::json;

use super::csv;
use super::live::StreamCredential;
use crate::activity::{Export, Tail, TailEvent};
use crate::error::{Error, Result};
use crate::model::activity::Activity;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Ndjson,
}

impl Format {
    /// # Errors
    /// `INVALID_REQUEST`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        match text {
            "csv" => Ok(Self::Csv),
            "ndjson" | "jsonl" => Ok(Self::Ndjson),
            _ => Err(Error::invalid("format", "Use csv or ndjson.")),
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    const fn file_name(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"activity.csv\"",
            Self::Ndjson => "attachment; filename=\"activity.ndjson\"",
        }
    }

    fn write(self, rows: Vec<Activity>) -> Vec<u8> {
        let mut text = Vec::with_capacity(rows.len() * 512);
        for row in rows {
            match self {
                Self::Csv => csv::write(&mut text, &row),
                Self::Ndjson => {
                    serde_json::to_writer(&mut text, &row).expect("rows are plain data");
                    text.push(b'\n');
                }
            }
        }
        text
    }
}

/// Rows as a file, one part in memory at a time.
pub(super) struct ExportBody {
    format: Format,
    export: Export,
}

impl ExportBody {
    pub(super) const fn new(export: Export, format: Format) -> Self {
        Self { format, export }
    }

    fn parts(self) -> impl Stream<Item = std::io::Result<Vec<u8>>> + Send {
        let Self { format, export } = self;
        let heading = (format == Format::Csv).then(csv::heading);
        stream::unfold((heading, Some(export)), move |(heading, export)| async move {
            if let Some(heading) = heading {
                return Some((Ok(heading), (None, export)));
            }
            let mut export = export?;
            match export.next().await {
                Ok(rows) => rows.map(|rows| (Ok(format.write(rows)), (None, Some(export)))),
                // The connection is aborted, so that the file does not look complete.
                Err(error) => {
                    tracing::warn!(?error, "an export broke off");
                    Some((Err(std::io::Error::other("the export broke off")), (None, None)))
                }
            }
        })
    }
}

impl IntoResponse for ExportBody {
    fn into_response(self) -> Response {
        Response::builder()
            .header(header::CONTENT_TYPE, self.format.media_type())
            .header(header::CONTENT_DISPOSITION, self.format.file_name())
            .body(Body::from_bytes_stream(self.parts()))
    }
}

impl ApiResponse for ExportBody {
    fn meta() -> MetaResponses {
        let content = [Format::Csv, Format::Ndjson]
            .map(|format| MetaMediaType { content_type: format.media_type(), schema: String::schema_ref() });
        meta("The rows", content.into())
    }

    fn register(_: &mut Registry) {}
}

/// Server-sent events (HTML Living Standard, section 9.2).
pub(super) struct Events {
    tail: Tail,
    credential: StreamCredential,
}

impl Events {
    pub(super) const fn new(tail: Tail, credential: StreamCredential) -> Self {
        Self { tail, credential }
    }

    /// Ends when the server stops, when the store fails, and when the credential ends, which is
    /// checked before each part.
    fn parts(self) -> impl Stream<Item = std::io::Result<Vec<u8>>> + Send {
        let first = Some(b"retry: 2000\n\n".to_vec());
        stream::unfold((first, self), |(first, mut events)| async move {
            if let Some(first) = first {
                return Some((Ok(first), (None, events)));
            }
            let followed = events.tail.next().await.ok()??;
            events.credential.check().ok()?;
            Some((Ok(frames(followed)), (None, events)))
        })
    }
}

fn frames(followed: TailEvent) -> Vec<u8> {
    let mut text = String::new();
    let mut event = |name: &str, id: Option<&str>, data: &str| {
        let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
        text.push_str(&format!("event: {name}\n{id}data: {data}\n\n"));
    };
    match followed {
        TailEvent::Rows(rows) => {
            for row in rows {
                let data = serde_json::to_string(&row).expect("rows are plain data");
                event("activity", Some(&row.id.encode()), &data);
            }
        }
        TailEvent::Missed(missed) => event("lagged", None, &json!({ "missed": missed }).to_string()),
        // A comment, so that both ends notice a lost connection.
        TailEvent::Nothing => text.push_str(":\n\n"),
    }
    text.into_bytes()
}

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        Response::builder()
            .header(header::CONTENT_TYPE, "text/event-stream")
            // nginx would hold events back otherwise.
            .header("x-accel-buffering", "no")
            .body(Body::from_bytes_stream(self.parts()))
    }
}

impl ApiResponse for Events {
    fn meta() -> MetaResponses {
        let schema: MetaSchemaRef = <Vec<Activity>>::schema_ref();
        meta("Rows as they come", vec![MetaMediaType { content_type: "text/event-stream", schema }])
    }

    fn register(registry: &mut Registry) {
        Activity::register(registry);
    }
}

fn meta(description: &'static str, content: Vec<MetaMediaType>) -> MetaResponses {
    let response =
        MetaResponse { description, status: Some(200), status_range: None, content, headers: vec![] };
    MetaResponses { responses: vec![response] }
}
