#include "connectors/http/receiving.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/own_paths.h"
#include "connectors/files/content_hash.h"
#include "connectors/files/streams.h"
#include "connectors/http/multipart.h"

namespace trommel {

namespace {

constexpr int64_t kEventEvery = 250'000;  // microseconds
constexpr size_t kNameMax = 200;          // bytes of a file's name
constexpr size_t kKeyMax = 255;
constexpr const char* kNoRoom = "no room for more uploads";

server::Response no_room() {
  return server::problem(507, "uploads that wait fill their place on disk (`quota`), or the disk itself is full");
}

server::Response response_to(const Error& error) {
  if (error.domain == Error::Domain::data) return server::problem(400, error.text());
  if (error.what == kNoRoom || error.what.find("No space left") != std::string::npos) return no_room();
  return server::problem(500, error.text());
}

/// The last part of a name as some client wrote it, fit for a line of text.
std::string plain_name(std::string_view name) {
  const size_t slash = name.find_last_of("/\\");
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  std::string out(name.substr(0, kNameMax));
  std::replace_if(out.begin(), out.end(), [](unsigned char c) { return c < ' ' || c == 127; }, '_');
  return out;
}

/// What the kind of a raw body says of its format, as a name's ending says it.
std::string name_of_type(std::string_view content_type) {
  static constexpr std::pair<const char*, const char*> known[] = {{"text/csv", "body.csv"},
                                                                  {"text/tab-separated-values", "body.tsv"},
                                                                  {"application/json", "body.json"},
                                                                  {"application/x-ndjson", "body.ndjson"},
                                                                  {"application/jsonl", "body.jsonl"},
                                                                  {"application/vnd.apache.parquet", "body.parquet"}};
  const std::string type = server::media_type(content_type);
  for (const auto& [name, file] : known) {
    if (type == name) return file;
  }
  return "";
}

/// Takes one file out of a request's body.
class Receiver : public server::BodySink, public FormEvents {
 public:
  Receiver(const server::Request& request, std::string field) : field_(std::move(field)) {
    if (request.headers.find("Idempotency-Key") != nullptr) hash_.emplace();
    const std::string_view type = request.headers.get("Content-Type");
    if (const auto boundary = form_boundary(type)) {
      form_.emplace(*boundary, *this);
    } else {
      taking_ = found_ = true;
      const std::string* name = request.parameter("name");
      name_ = name != nullptr ? plain_name(*name) : name_of_type(type);
    }
  }

  std::optional<server::Response> write(std::string_view piece) override {
    const Result<> taken = take_body(piece);
    if (!taken) return response_to(taken.error());
    return std::nullopt;
  }

 protected:
  virtual Result<> take_body(std::string_view piece) { return take(piece); }
  /// The file's own bytes.
  virtual Result<> store(std::string_view bytes) = 0;

  Result<> take(std::string_view bytes) {
    if (form_) return form_->feed(bytes);
    return take_file(bytes);
  }
  Result<> finish() {
    if (form_) TRY(form_->finish());
    if (found_) return {};
    return data_error("multipart/form-data",
                      field_.empty() ? "no part of it is a file" : "no part is named `" + field_ + "`",
                      "curl -F " + (field_.empty() ? "file" : field_) + "=@FILE");
  }
  bool is_form() const { return form_.has_value(); }
  const std::string& name() const { return name_; }
  /// Hash of the file; empty without a key, as it is compared for keys alone.
  std::string content() const { return hash_ ? hash_->text() : ""; }

 private:
  Result<> take_file(std::string_view bytes) {
    if (hash_) hash_->add(as_bytes(bytes));
    return store(bytes);
  }
  Result<> begin_part(const FormPart& part) override {
    taking_ = field_.empty() ? part.filename.has_value() : part.name == field_;
    if (taking_ && std::exchange(found_, true))
      return data_error("multipart/form-data", "an upload is one file, and here are two");
    if (taking_) name_ = plain_name(part.filename.value_or(""));
    return {};
  }
  Result<> part_data(std::string_view bytes) override {
    return taking_ ? take_file(bytes) : Result<>();  // not other fields of the form
  }
  Result<> end_part() override {
    taking_ = false;
    return {};
  }

  const std::string field_;
  std::optional<FormReader> form_;
  bool taking_ = false, found_ = false;
  std::string name_;
  std::optional<ContentHash> hash_;
};

/// Brings a new upload to disk.
class NewUpload final : public Receiver {
 public:
  NewUpload(Env& env, std::shared_ptr<Uploads> uploads, std::shared_ptr<Upload> upload, const std::string& field,
            const server::Request& request)
      : Receiver(request, field), env_(env), uploads_(std::move(uploads)), upload_(std::move(upload)) {}
  ~NewUpload() override {
    uploads_->give_back(reserved_);
    if (upload_) uploads_->give_up(*upload_);
  }

  void end(server::Reply reply) override {
    if (const Result<> ended = complete(reply); !ended) reply.send(response_to(ended.error()));
  }

 private:
  /// A form that is packed as a whole is taken apart once it is all there: what unpacks pulls.
  bool is_wrapped() const { return is_form() && upload_->packing.has_value(); }

  Result<> take_body(std::string_view piece) override {
    upload_->arrived += static_cast<int64_t>(piece.size());
    if (is_wrapped()) return append(body_, "body", piece);
    return take(piece);
  }
  Result<> store(std::string_view bytes) override { return append(file_, "part", bytes); }

  Result<> append(std::unique_ptr<OutputStream>& to, const char* what, std::string_view bytes) {
    if (!to) {
      ASSIGN(to, env_.create(uploads_->path(upload_->id, what)));
    }
    const auto size = static_cast<int64_t>(bytes.size());
    if (!uploads_->reserve(size)) return external_error(upload_->id, kNoRoom);
    reserved_ += size;
    return to->append(as_bytes(bytes));
  }

  Result<> unwrap() {
    if (body_) TRY(body_->close());
    const std::string path = uploads_->path(upload_->id, "body");
    ASSIGN(auto packed, env_.open_stream(path));
    const auto stream = unpack(*upload_->packing, std::move(packed), "the body");
    std::vector<uint8_t> buffer(256 << 10);
    for (;;) {
      const auto got = stream->read(buffer);
      if (!got) return data_error(got.error().where, got.error().what);
      if (*got == 0) break;
      TRY(take(as_text(Bytes(buffer).first(*got))));
    }
    upload_->packing.reset();
    return env_.remove(path);
  }

  Result<> complete(const server::Reply& reply) {
    if (is_wrapped()) TRY(unwrap());
    TRY(finish());
    TRY(store(""));  // of a file without a byte there is one too
    if (upload_->lasts()) TRY(file_->sync());
    TRY(file_->close());
    upload_->name = name();
    upload_->content = content();
    ASSIGN(const FileInfo info, env_.info(uploads_->path(upload_->id, "part")));
    upload_->bytes = info.size;
    if (!upload_->later) upload_->reply = reply;
    ASSIGN(const bool goes_on, uploads_->complete(upload_));
    reserved_ -= upload_->bytes;  // its owner gives it back from now on
    const auto accepted = std::move(upload_);
    if (!accepted->later && !goes_on) uploads_->release(accepted->id);
    if (!accepted->later) return {};
    server::Response response = server::json_response(202, job_text(*accepted, nullptr));
    response.headers.add("Location", job_address(accepted->id));
    response.headers.add("Preference-Applied", "respond-async");
    reply.send(std::move(response));
    return {};
  }

  Env& env_;
  const std::shared_ptr<Uploads> uploads_;
  std::shared_ptr<Upload> upload_;  ///< until it is whole
  std::unique_ptr<OutputStream> file_, body_;
  int64_t reserved_ = 0;
};

/// Sees whether an upload that comes again under its key is the same one.
class KnownUpload final : public Receiver {
 public:
  KnownUpload(Answered known, const std::string& field, const server::Request& request)
      : Receiver(request, field), known_(std::move(known)) {}

  void end(server::Reply reply) override {
    if (const Result<> ended = finish(); !ended) return reply.send(response_to(ended.error()));
    if (content() != known_.content) {
      return reply.send(
          server::problem(422, "another upload came with this Idempotency-Key: a key stands for one body"));
    }
    server::Response response = response_of(known_.answer);
    response.headers.add("Idempotent-Replayed", "true");
    reply.send(std::move(response));
  }

 private:
  Result<> store(std::string_view) override { return {}; }

  const Answered known_;
};

std::optional<server::Response> request_mistake(const server::Request& request) {
  const std::string_view type = request.headers.get("Content-Type");
  if (server::media_type(type) == "multipart/form-data" && !form_boundary(type))
    return server::problem(400, "`Content-Type` names no boundary that can be one");
  if (!body_packing(request.headers.get("Content-Encoding"))) {
    server::Response response = server::problem(415, "of content encodings gzip and zstd are known");
    response.headers.add("Accept-Encoding", "gzip, zstd");
    return response;
  }
  const std::string* key = request.headers.find("Idempotency-Key");
  if (key != nullptr && (key->empty() || key->size() > kKeyMax))
    return server::problem(400, fmt::format("an Idempotency-Key has 1 to {} characters", kKeyMax));
  return std::nullopt;
}

bool wants_later(const server::Request& request) {
  for (const server::Field& field : request.headers.all()) {
    if (server::same_ignoring_case(field.name, "Prefer") && field.value.find("respond-async") != std::string::npos)
      return true;
  }
  return false;
}

std::variant<server::Response, std::unique_ptr<server::BodySink>> known_upload(const Uploads& uploads,
                                                                               const Uploads::KeyState& state,
                                                                               const std::string& field,
                                                                               const server::Request& request) {
  if (state.what == Uploads::KeyState::What::answered) {
    auto known = uploads.answered(state.id);
    if (!known) return server::problem(500, known.error().text());
    if (*known) return std::make_unique<KnownUpload>(std::move(**known), field, request);
  }
  server::Response response = server::problem(409, "the upload with this Idempotency-Key is under way");
  response.headers.add("Retry-After", "1");
  response.headers.add("Location", job_address(state.id));
  return response;
}

/// How an upload goes on, until it is answered.
class JobEvents final : public server::Producer {
 public:
  JobEvents(std::shared_ptr<Uploads> uploads, std::string id) : uploads_(std::move(uploads)), id_(std::move(id)) {}

  Piece next() override {
    if (const auto upload = uploads_->find(id_))
      return {server::event_text("progress", job_text(*upload, nullptr)), Then::wait, kEventEvery};
    const auto known = uploads_->answered(id_);
    if (!known || !*known) return {"", Then::ended, 0};
    return {server::event_text("done", (*known)->answer.body), Then::ended, 0};
  }

 private:
  const std::shared_ptr<Uploads> uploads_;
  const std::string id_;
};

}  // namespace

std::variant<server::Response, std::unique_ptr<server::BodySink>> receive_upload(
    Env& env, const std::shared_ptr<Uploads>& uploads, const std::string& field, const server::Request& request) {
  if (auto mistake = request_mistake(request)) return std::move(*mistake);
  if (!uploads->accepts()) return server::problem(503, "the pipeline is ending");
  const auto upload = std::make_shared<Upload>();
  upload->token = request.token;
  upload->packing = *body_packing(request.headers.get("Content-Encoding"));
  upload->later = wants_later(request);
  if (const std::string* key = request.headers.find("Idempotency-Key"))
    upload->key = request.token + "\n" + request.path + "\n" + *key;
  const Uploads::KeyState state = uploads->begin(upload);
  if (state.what != Uploads::KeyState::What::fresh) return known_upload(*uploads, state, field, request);
  return std::make_unique<NewUpload>(env, uploads, upload, field, request);
}

std::string job_address(const std::string& id) { return std::string(own_path::jobs) + "/" + id; }

server::Response show_job(const std::shared_ptr<Uploads>& uploads, const std::string& id,
                          const server::Request& request) {
  const server::Response nowhere = server::problem(404, "no such upload, or it was answered long ago");
  const auto upload = uploads->find(id);
  const auto known = upload ? std::optional<Answered>() : uploads->answered(id).value_or(std::nullopt);
  if (!upload && !known) return nowhere;
  if ((upload ? upload->token : known->token) != request.token) return nowhere;
  if (request.headers.get("Accept").find("text/event-stream") != std::string_view::npos)
    return server::event_stream(std::make_shared<JobEvents>(uploads, id));
  if (upload) return server::json_response(200, job_text(*upload, nullptr));
  Upload over;
  over.id = known->id;
  over.name = known->name;
  over.bytes = over.arrived = over.read = known->bytes;
  over.state = Upload::State::done;
  return server::json_response(200, job_text(over, &known->answer));
}

}  // namespace trommel
