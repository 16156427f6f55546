//! `read_file`: one regular file, or some of its lines, as text or base64.

use serde_json::{Value, json};

use crate::digest::{Digest, base64};
use crate::effect::{ErrorKind, ToolCall, ToolError, ToolResult};
use crate::policy::Granted;
use crate::runner::Cancel;
use crate::runner::answer_size::demand_room_to_tell;

use super::access::{Reading, tool_error};
use super::input::{Input, invalid};

/// The most bytes of a file where the policy names no limit.
const DEFAULT_LIMIT: u64 = 10 << 20;

/// How the content is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Base64,
}

/// `{path, range?: {start, end}, encoding?: utf-8 | base64}` → `{path, content, encoding, bytes, digest}`. `range`
/// counts lines from 1, both ends included; `bytes` and `digest` are those of the whole file, and `path` is the one
/// that links lead to.
pub(in crate::runner) fn read_file(
    call: &Granted<ToolCall>,
    reading: &Reading<'_>,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let input = Input::new("read_file", &call.request().input, &["path", "range", "encoding"])?;
    let path = input.required_path("path")?;
    let range = input.value("range").map(range).transpose()?;
    let encoding = encoding(&input)?;
    let mut file = reading.open(&path)?;
    let limit = reading.limit.unwrap_or(DEFAULT_LIMIT);
    if range.is_none() {
        // it stands in the answer twice
        let told = match encoding {
            Encoding::Utf8 => 2 * file.facts().size,
            Encoding::Base64 => file.facts().size.div_ceil(3) * 8,
        };
        demand_room_to_tell(file.path().as_str(), told.min(2 * limit))?;
    }
    reading.room.take(file.facts().size.min(limit), cancel)?;
    let bytes = file.read(limit).map_err(|error| tool_error(&error))?;
    let part = range.map_or(&bytes[..], |(start, end)| lines(&bytes, start, end));
    let content = match encoding {
        Encoding::Base64 => base64(part),
        Encoding::Utf8 => text(part, file.path().as_str())?.to_owned(),
    };
    let output = json!({
        "path": file.path().as_str(),
        "content": content,
        "encoding": match encoding { Encoding::Utf8 => "utf-8", Encoding::Base64 => "base64" },
        "bytes": bytes.len(),
        "digest": Digest::of(&bytes),
    });
    Ok(ToolResult { stdout: content, ..ToolResult::success("read_file", output) })
}

fn encoding(input: &Input<'_>) -> Result<Encoding, ToolError> {
    match input.text("encoding")? {
        None | Some("utf-8") => Ok(Encoding::Utf8),
        Some("base64") => Ok(Encoding::Base64),
        Some(other) => {
            Err(invalid(format!("`encoding` of `read_file` is `utf-8` or `base64`, not `{other}`")))
        }
    }
}

fn range(value: &Value) -> Result<(usize, usize), ToolError> {
    let wrong = || invalid("`range` of `read_file` is `{start, end}`: lines from 1, `start` not after `end`");
    let map = value.as_object().filter(|map| map.keys().all(|key| key == "start" || key == "end"));
    let map = map.ok_or_else(wrong)?;
    let line = |key, default: u64| match map.get(key) {
        None => Some(default),
        Some(value) => value.as_u64().filter(|&line| line > 0),
    };
    let (start, end) = line("start", 1).zip(line("end", u64::MAX)).ok_or_else(wrong)?;
    if start > end {
        return Err(wrong());
    }
    Ok((start as usize, usize::try_from(end).unwrap_or(usize::MAX)))
}

/// Lines `start..=end`, line breaks included; what lies behind the last line is empty.
fn lines(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    let mut offset = 0;
    let (mut from, mut to) = (bytes.len(), bytes.len());
    for (at, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if at + 1 == start {
            from = offset;
        }
        offset += line.len();
        if at + 1 == end {
            to = offset;
            break;
        }
    }
    &bytes[from.min(to)..to]
}

fn text<'a>(bytes: &'a [u8], path: &str) -> Result<&'a str, ToolError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let message = format!("`{path}` is not valid UTF-8 (byte {at}); read it with `encoding: base64`");
        ToolError::new(ErrorKind::InvalidInput, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_lines_with_their_breaks() {
        let text = b"a\nb\r\nc";
        assert_eq!(lines(text, 1, 1), b"a\n");
        assert_eq!(lines(text, 2, 3), b"b\r\nc");
        assert_eq!(lines(text, 3, 99), b"c");
        assert_eq!(lines(text, 4, 9), b"");
        assert_eq!(lines(b"", 1, usize::MAX), b"");
    }
}
