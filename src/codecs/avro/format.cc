// Container files as a FileFormat.
#include <arrow/api.h>
#include <fmt/format.h>

#include "codecs/avro/avro.h"
#include "codecs/avro/reader.h"

namespace trommel {

namespace {

class AvroFile final : public FileFormat {
 public:
  static Result<std::shared_ptr<FileFormat>> look(const Sample& sample, const std::optional<Contract>& contract) {
    auto file = std::make_shared<AvroFile>();
    file->name_ = sample.name;
    ASSIGN(file->header_,
           avro::read_header(sample.pieces.empty() ? Bytes{} : as_bytes(sample.pieces.front()), sample.name));
    const bool by_contract = contract && contract->avro;
    ASSIGN(file->layout_, avro::layout_of(by_contract ? contract->avro : file->header_.schema));
    auto program = avro::resolve(file->header_.schema, file->layout_);
    if (!program) {
      Error error = std::move(program).error();
      error.domain = Error::Domain::data;
      error.where = sample.name;
      return tl::unexpected(std::move(error));
    }
    file->program_ = std::move(*program);
    return file;
  }

  Schema schema() const override { return layout_->schema; }
  std::vector<std::string> notes() const override {
    return {fmt::format("Avro, {}, blocks packed with {}", avro::type_text(*header_.schema),
                        avro::codec_name(header_.codec))};
  }
  bool positions_are_bytes() const override { return false; }

  Result<> target(const Schema& rows, const std::vector<int>& from_column, const std::optional<Contract>&,
                  bool guessed) override {
    auto plan = std::make_shared<avro::ContainerPlan>();
    plan->codec = header_.codec;
    plan->program = program_;
    plan->target = {rows, from_column, guessed};
    decoder_ = avro::make_decoder(std::move(plan));
    return {};
  }

  Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, std::unique_ptr<InputStream> stream,
                                       std::shared_ptr<RandomFile>, Position at, int64_t block_bytes) override {
    TROMMEL_CHECK(decoder_ != nullptr, name_);
    return avro::make_reader(header_, std::move(split), decoder_, std::move(stream), at, block_bytes);
  }

 private:
  std::string name_;
  avro::ContainerHeader header_;
  std::shared_ptr<const avro::Layout> layout_;
  std::shared_ptr<const avro::Program> program_;
  std::shared_ptr<const Decoder> decoder_;
};

struct AvroReading {
  static const Spec<AvroReading>& spec() {
    static const auto spec = Spec<AvroReading>("avro", "Apache Avro container files: records with their schema");
    return spec;
  }
};

}  // namespace

FormatKind avro_format() {
  FormatKind kind;
  kind.name = "avro";
  kind.extensions = {"avro"};
  kind.spec = &AvroReading::spec().info();
  kind.recognise = [](const Sample& sample) {
    return !sample.pieces.empty() && sample.pieces.front().starts_with(avro::container_magic) ? 100 : 0;
  };
  kind.look = [](const Sample& sample, std::shared_ptr<RandomFile>, const Node& settings,
                 const std::optional<Contract>& contract, Problems& problems) -> Result<std::shared_ptr<FileFormat>> {
    AvroReading::spec().parse(settings, problems);
    return AvroFile::look(sample, contract);
  };
  return kind;
}

}  // namespace trommel
