// Rows to container files.
#include <arrow/api.h>
#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>

#include "avro/encode.h"
#include "avro/types.h"
#include "avro/wire.h"
#include "codecs/avro/avro.h"
#include "codecs/avro/container.h"

namespace trommel {

template <>
struct EnumNames<avro::Codec> {
  static constexpr EnumName<avro::Codec> list[] = {{"none", avro::Codec::none},
                                                   {"deflate", avro::Codec::deflate},
                                                   {"snappy", avro::Codec::snappy},
                                                   {"zstandard", avro::Codec::zstandard}};
};

namespace {

constexpr size_t block_bytes = 256 << 10;
constexpr int64_t rows_a_step = 4096;

struct AvroWriting {
  avro::Codec codec = avro::Codec::deflate;

  static const Spec<AvroWriting>& spec() {
    static const auto spec = Spec<AvroWriting>("avro", "Apache Avro container files: records with their schema")
                                 .field("codec", &AvroWriting::codec,
                                        "how blocks are packed; every reader knows none and deflate, snappy is faster, "
                                        "zstandard smaller");
    return spec;
  }
};

class ContainerEncoder final : public Encoder {
 public:
  ContainerEncoder(OutputStream& out, avro::SchemaPtr schema, avro::DatumEncoder encoder, avro::Codec codec)
      : out_(out), schema_(std::move(schema)), encoder_(std::move(encoder)), codec_(codec) {}

  Result<> write(const arrow::RecordBatch& rows) override {
    for (int64_t row = 0; row < rows.num_rows(); row += rows_a_step) {
      const Rows some = rows.Slice(row, rows_a_step);
      std::vector<size_t> ends;
      ASSIGN(const auto refused, encoder_.encode(*some, {}, pending_, ends));
      if (!refused.empty()) {
        return data_error("writing Avro", fmt::format("column {} of a row: {}", refused[0].column, refused[0].reason));
      }
      pending_rows_ += some->num_rows();
      if (pending_.size() >= block_bytes) TRY(write_block());
    }
    return {};
  }

  Result<> finish() override {
    if (pending_rows_ > 0) return write_block();
    return write_header();
  }

  int64_t rows() const override { return rows_; }
  size_t memory() const override { return pending_.capacity(); }

 private:
  /// The marker is a digest of the schema and the first block: the same rows make the same file.
  Result<> write_header() {
    if (has_header_) return {};
    has_header_ = true;
    const std::string json = avro::schema_json(*schema_);
    const XXH128_hash_t digest =
        XXH3_128bits_withSeed(pending_.data(), pending_.size(), XXH3_64bits(json.data(), json.size()));
    std::memcpy(sync_.data(), &digest, sync_.size());
    return out_.append(as_bytes(avro::header_bytes(json, codec_, sync_)));
  }

  Result<> write_block() {
    TRY(write_header());
    std::string packed;
    TRY(avro::pack(codec_, 0, as_bytes(pending_), packed));
    std::string head;
    avro::append_long(head, pending_rows_);
    avro::append_long(head, static_cast<int64_t>(packed.size()));
    TRY(out_.append(as_bytes(head)));
    TRY(out_.append(as_bytes(packed)));
    TRY(out_.append(sync_));
    rows_ += pending_rows_;
    pending_rows_ = 0;
    pending_.clear();
    return {};
  }

  OutputStream& out_;
  avro::SchemaPtr schema_;
  avro::DatumEncoder encoder_;
  avro::Codec codec_;
  avro::SyncMarker sync_{};
  bool has_header_ = false;
  std::string pending_;
  int64_t pending_rows_ = 0;
  int64_t rows_ = 0;
};

}  // namespace

EncoderKind avro_encoder() {
  EncoderKind kind;
  kind.name = "avro";
  kind.extensions = {"avro"};
  kind.spec = &AvroWriting::spec().info();
  kind.check = [](const Node& settings, const Schema& schema, Problems& problems) {
    AvroWriting::spec().parse(settings, problems);
    if (const auto made = avro::schema_of(*schema, "row"); !made)
      problems.add(settings.place, made.error().what, made.error().hint);
  };
  kind.open = [](OutputStream& out, const Schema& schema, const Node& settings, int,
                 int64_t) -> Result<std::unique_ptr<Encoder>> {
    Problems problems;
    const AvroWriting config = AvroWriting::spec().parse(settings, problems);
    if (!problems.empty()) return config_error("avro", problems.text());
    ASSIGN(auto record, avro::schema_of(*schema, "row"));
    std::vector<int> from;
    for (int i = 0; i < schema->num_fields(); ++i) from.push_back(i);
    ASSIGN(auto encoder, avro::DatumEncoder::make(record, *schema, std::move(from)));
    return std::make_unique<ContainerEncoder>(out, std::move(record), std::move(encoder), config.codec);
  };
  return kind;
}

}  // namespace trommel
