#include "connectors/http/http_upload.h"

#include <map>

#include "component/columns.h"
#include "config/own_paths.h"
#include "connectors/files/file_formats.h"
#include "connectors/http/operations.h"
#include "connectors/http/receiving.h"
#include "connectors/http/uploads.h"
#include "spec/merge.h"

namespace trommel {

namespace {

struct HttpUploadConfig {
  std::string path, field;
  std::optional<std::string> format;
  ByteSize max_size{int64_t{10'000'000'000}};
  ByteSize quota{int64_t{50'000'000'000}};
  Duration remember{int64_t{24} * 3'600'000'000};
  static const Spec<HttpUploadConfig>& spec();
};

void check(const HttpUploadConfig& config, const Node& node, Problems& problems) {
  const bool plain = config.path.starts_with('/') && config.path.find_first_of("?# ") == std::string::npos;
  const Place& path = node.at_or_self("path").place;
  if (!plain) problems.add(path, "`path` must be that of an address, not `" + config.path + "`", "such as /csv_upload");
  if (own_path::covers(config.path))
    problems.add(path, "`" + config.path + "` is the server's own", "such as /csv_upload");
  if (config.max_size.bytes < 1) problems.add(node.at_or_self("max_size").place, "`max_size` must be at least 1B");
  if (config.quota.bytes < 1) problems.add(node.at_or_self("quota").place, "`quota` must be at least 1B");
}

const Spec<HttpUploadConfig>& HttpUploadConfig::spec() {
  static const auto spec =
      Spec<HttpUploadConfig>("http_upload", "Takes files over HTTP, and answers once their rows are safe")
          .description(
              "`POST` of a form (`multipart/form-data`) or of the bare bytes, in any format that `files` reads, packed "
              "or "
              "not. The file goes to disk as it comes. It is published as a whole once it is all there: the answer "
              "says "
              "how many rows were read, written and rejected, and lists the bad ones; past `max_rejects` it is a 422, "
              "and nothing of the file was published. `Prefer: respond-async` answers 202 at once with the address of "
              "a "
              "job, `Idempotency-Key` makes a repeated upload count once. The source needs a `contract`.")
          .scalar_is("path")
          .field("path", &HttpUploadConfig::path, "of the address that takes files",
                 {.example = "/csv_upload", .required = true})
          .field("field", &HttpUploadConfig::field,
                 "of a form: the part that is the file; left out, the first with a file name", {.example = "csv_file"})
          .field("format", &HttpUploadConfig::format, "what the files hold; left out: what their bytes and names say",
                 {.example = "csv"})
          .field("max_size", &HttpUploadConfig::max_size, "how large one request may be; more is a 413",
                 {.example = "10GB"})
          .field("quota", &HttpUploadConfig::quota,
                 "how much may lie on disk of files that arrive or wait; more is a 507", {.example = "50GB"})
          .field("remember", &HttpUploadConfig::remember, "how long the answers of jobs and of keys are kept",
                 {.example = "24h"})
          .example(
              "sources:\n  upload:\n    http_upload: { path: /csv_upload, field: csv_file }\n    contract: { id: "
              "BIGINT, "
              "name: VARCHAR }\n    max_rejects: 0.1%\nsinks:\n  table: { store: duckdb:rows.duckdb, table: rows }\n")
          .check(check);
  return spec;
}

/// Says how far an upload was read.
class UploadReader final : public Reader {
 public:
  UploadReader(std::unique_ptr<Reader> reader, std::shared_ptr<Upload> upload)
      : reader_(std::move(reader)), upload_(std::move(upload)) {}
  Result<Piece> read() override {
    auto piece = reader_->read();
    if (const int64_t consumed = reader_->consumed(); consumed >= 0) upload_->read = consumed;
    return piece;
  }
  int64_t consumed() const override { return reader_->consumed(); }

 private:
  std::unique_ptr<Reader> reader_;
  std::shared_ptr<Upload> upload_;
};

class HttpUploadSource final : public Source {
 public:
  HttpUploadSource(std::vector<FormatKind> kinds, HttpUploadConfig config, const Node& settings, Contract contract,
                   const BindContext& context)
      : config_(std::move(config)),
        contract_(std::move(contract)),
        env_(*context.env),
        name_(context.name),
        block_bytes_(context.memory.block),
        formats_(env_, std::move(kinds), config_.format, settings),
        uploads_(std::make_shared<Uploads>(
            env_, Uploads::Settings{context.state_folder + "/uploads/" + context.name, id_prefix(), config_.quota.bytes,
                                    config_.remember.us, context.wake})) {}
  ~HttpUploadSource() override { uploads_->close(); }

  Result<> bind(const Node& settings, Problems& problems) {
    if (!formats_.check(problems)) return {};
    if (settings.is_map())
      check_spec_keys(merged_spec(HttpUploadConfig::spec().info(), formats_.specs()), settings, "http_upload",
                      problems);
    ASSIGN(auto unified, unify_columns({}, *contract_));
    rows_ = std::move(unified.rows);
    return {};
  }

  Result<std::vector<Split>> discover() override {
    TRY(uploads_->load());
    std::vector<Split> out;
    for (const auto& upload : uploads_->ready()) out.push_back(split_of(*upload));
    return out;
  }

  Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, Position at) override {
    const auto upload = uploads_->find(split->id);
    if (upload == nullptr) return external_error(split->name, "the upload is gone");
    upload->state = Upload::State::reading;
    if (upload->bytes == 0) return data_error(split->name, "the file is empty: there is not even a header");
    ASSIGN(const InputFile input, input_of(*upload, *split));
    ASSIGN(const FormatKind* kind, formats_.kind_of(input));
    Problems problems;
    ASSIGN(auto format, formats_.look(*kind, input, light_sample, contract_, problems));
    if (!problems.empty()) return config_error(split->name, problems.text());
    TRY(unify_columns({{split->name, format->schema(), format->all_as_text()}}, *contract_));
    TRY(format->target(rows_, match_columns(*rows_, *format->schema()).from_column, contract_, false));
    ASSIGN(auto reader, formats_.open(*kind, *format, input, split, at, block_bytes_));
    return std::make_unique<UploadReader>(std::move(reader), upload);
  }

  Result<> durable(std::span<const Delivered> delivered) override {
    for (const Delivered& one : delivered) TRY(uploads_->durable(one));
    return {};
  }
  void release(std::span<const Split> splits) override {
    for (const Split& split : splits) uploads_->release(split.id);
  }

  Result<> serve(server::Routes& routes) override {
    TRY(uploads_->open());
    registration_ = routes.add(
        {{.method = "POST",
          .path = config_.path,
          .scope = "upload",
          .operation = upload_operation(name_, config_.field),
          .max_body = config_.max_size.bytes,
          .receive = [&env = env_, uploads = uploads_, field = config_.field](
                         const server::Request& request) { return receive_upload(env, uploads, field, request); }},
         {.method = "GET",
          .path = job_address(id_prefix()),
          .below = true,
          .scope = "upload",
          .of_token = true,
          .operation = job_operation(name_),
          .handle = [uploads = uploads_, prefix = id_prefix()](const server::Request& request) {
            return show_job(uploads, prefix + request.rest, request);
          }}});
    return {};
  }

  bool endless() const override { return true; }
  bool refuses_whole() const override { return true; }
  bool judges_each_split() const override { return true; }
  bool wants_rows_of_splits() const override { return true; }
  bool urgent() const override { return true; }
  Schema schema() const override { return rows_; }
  Result<RecalledFormat> recall(const std::string& facts) override { return formats_.recall(facts, rows_, contract_); }

 private:
  /// Of ids: those of two sources never meet.
  std::string id_prefix() const { return name_ + "-"; }

  static Split split_of(const Upload& upload) {
    Split split;
    split.id = upload.id;
    split.name = upload.name.empty() ? upload.id : upload.id + "/" + upload.name;
    split.size = upload.bytes;
    split.remember = false;
    return split;
  }

  Result<InputFile> input_of(const Upload& upload, const Split& split) {
    std::map<std::string, std::vector<InputFile>> no_pipes;
    FindInputs where{&env_, "", "", std::nullopt, &no_pipes};
    where.packing = upload.packing;
    ASSIGN(const FileInfo file, env_.info(uploads_->path(upload.id, "data")));
    ASSIGN(auto inputs, look_into(where, file));
    if (inputs.size() != 1) return data_error(split.name, "the archive holds several files: an upload is one");
    InputFile input = std::move(inputs.front());
    input.split.name = split.name;
    return input;
  }

  const HttpUploadConfig config_;
  const std::optional<Contract> contract_;
  Env& env_;
  const std::string name_;
  const int64_t block_bytes_;
  const FileFormats formats_;
  const std::shared_ptr<Uploads> uploads_;
  Schema rows_;
  server::Routes::Registration registration_;
};

Result<std::shared_ptr<Source>> make_source(HttpUploadConfig config, const FileSourceSettings& of, Problems& found) {
  if (!of.contract) {
    found.add(of.settings.place, "`http_upload` needs a `contract`: no file is there yet to guess from",
              "`trommel init FILE` writes one from a file like those that will come");
  }
  if (!found.empty()) return std::shared_ptr<Source>();
  auto source =
      std::make_shared<HttpUploadSource>(of.formats, std::move(config), of.settings, *of.contract, of.context);
  TRY(source->bind(of.settings, found));
  return std::shared_ptr<Source>(std::move(source));
}

}  // namespace

SourceKind http_upload_source(std::vector<FormatKind> formats) {
  SourceKind kind = source_of_files(std::move(formats), make_source);
  kind.serves = true;
  return kind;
}

}  // namespace trommel
