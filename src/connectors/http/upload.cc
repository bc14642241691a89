#include "connectors/http/upload.h"

#include <algorithm>

#include "base/json.h"

namespace trommel {

namespace {

const char* state_text(Upload::State state) {
  switch (state) {
    case Upload::State::arriving:
      return "arriving";
    case Upload::State::waiting:
      return "waiting";
    case Upload::State::reading:
      return "reading";
    case Upload::State::done:
      return "done";
  }
  return "";
}

constexpr std::pair<const char*, Packing> encodings[] = {{"gzip", Packing::gzip}, {"zstd", Packing::zstd}};

std::string encoding_of(const std::optional<Packing>& packing) {
  for (const auto& [name, known] : encodings) {
    if (packing == known) return name;
  }
  return "";
}

Json bad_rows(const RowsOfSplit& rows) {
  Json out = Json::array();
  for (const BadRow& row : rows.first) {
    Json one = Json::object();
    if (row.line > 0) one["line"] = row.line;
    if (row.line == 0 && row.position >= 0) one["row"] = row.position + 1;
    if (!row.column.empty()) one["column"] = row.column;
    if (!row.value.empty()) one["value"] = row.value;
    one["code"] = row.code;
    one["reason"] = row.reason;
    if (!row.stage.empty()) one["stage"] = row.stage;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

std::optional<std::optional<Packing>> body_packing(std::string_view encoding) {
  if (encoding.empty() || server::same_ignoring_case(encoding, "identity")) return std::optional<Packing>();
  if (server::same_ignoring_case(encoding, "x-gzip")) return Packing::gzip;
  for (const auto& [name, packing] : encodings) {
    if (server::same_ignoring_case(encoding, name)) return packing;
  }
  return std::nullopt;
}

Answer answer_of(const Upload& upload, const Delivered& delivered, int64_t now_us) {
  const bool refused = delivered.how == Delivered::How::refused;
  const RowsOfSplit rows = delivered.rows.value_or(RowsOfSplit{});
  Json body = Json::object();
  if (refused) {
    body["type"] = "about:blank";
    body["title"] = "the upload was refused";
    body["status"] = 422;
    body["detail"] = delivered.why + ": nothing of it was published";
  }
  body["id"] = upload.id;
  if (!upload.name.empty()) body["name"] = upload.name;
  body["outcome"] = refused ? "refused" : "published";
  body["bytes"] = upload.bytes;
  body["epoch"] = delivered.epoch;
  body["read"] = rows.read;
  body["written"] = refused ? Json::object() : Json(rows.written);
  body["rejected"] = rows.rejected;
  body["reasons"] = rows.reasons;
  body["bad_rows"] = bad_rows(rows);
  const auto unlisted = rows.rejected - static_cast<int64_t>(rows.first.size());
  body["bad_rows_unlisted"] = std::max<int64_t>(0, unlisted);
  body["seconds"] = upload.begun_us == 0 ? 0.0 : static_cast<double>((now_us - upload.begun_us) / 1'000) / 1e3;
  return {refused ? 422 : 200, json_line(body) + "\n"};
}

server::Response response_of(const Answer& answer) {
  return server::text_response(answer.status, answer.body,
                               answer.status >= 400 ? "application/problem+json" : "application/json");
}

std::string job_text(const Upload& upload, const Answer* answer) {
  const Upload::State state = upload.state;
  const bool whole = state != Upload::State::arriving;
  Json out = {{"id", upload.id}, {"state", state_text(state)}};
  if (whole && !upload.name.empty()) out["name"] = upload.name;
  out["arrived"] = upload.arrived.load();
  if (whole) out["bytes"] = upload.bytes;
  out["read"] = upload.read.load();
  if (answer != nullptr) {
    out["status"] = answer->status;
    out["answer"] = Json::parse(answer->body, nullptr, false);
  }
  return json_line(out) + "\n";
}

std::string upload_text(const Upload& upload) {
  return json_line(Json{{"id", upload.id},
                        {"token", upload.token},
                        {"key", upload.key},
                        {"packing", encoding_of(upload.packing)},
                        {"later", upload.later},
                        {"begun_us", upload.begun_us},
                        {"name", upload.name},
                        {"bytes", upload.bytes},
                        {"content", upload.content}}) +
         "\n";
}

Result<> parse_upload(std::string_view text, const std::string& where, Upload& upload) {
  ASSIGN(const Json in, parse_json(text, where));
  upload.id = in.value("id", "");
  upload.token = in.value("token", "");
  upload.key = in.value("key", "");
  upload.packing = body_packing(in.value("packing", "")).value_or(std::nullopt);
  upload.later = in.value("later", false);
  upload.begun_us = in.value("begun_us", int64_t{0});
  upload.name = in.value("name", "");
  upload.bytes = in.value("bytes", int64_t{0});
  upload.content = in.value("content", "");
  upload.arrived = upload.bytes;
  upload.state = Upload::State::waiting;
  return {};
}

std::string answered_text(const Upload& upload, const Answer& answer, int64_t at_us) {
  return json_line(Json{{"id", upload.id},
                        {"token", upload.token},
                        {"key", upload.key},
                        {"content", upload.content},
                        {"name", upload.name},
                        {"bytes", upload.bytes},
                        {"at_us", at_us},
                        {"status", answer.status},
                        {"body", answer.body}}) +
         "\n";
}

Result<Answered> parse_answered(std::string_view text, const std::string& where) {
  ASSIGN(const Json in, parse_json(text, where));
  Answered out;
  out.id = in.value("id", "");
  out.token = in.value("token", "");
  out.key = in.value("key", "");
  out.content = in.value("content", "");
  out.name = in.value("name", "");
  out.bytes = in.value("bytes", int64_t{0});
  out.at_us = in.value("at_us", int64_t{0});
  out.answer = {in.value("status", 200), in.value("body", "")};
  return out;
}

}  // namespace trommel
