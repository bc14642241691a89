// How many messages a second librdkafka alone hands to a broker, and takes from it: what our hops are laid beside.
//
//   bench_kafka_ceiling BROKERS TOPIC COUNT BYTES     prints one line of JSON; the topic is there, and empty
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "fmt/format.h"
#include "librdkafka/rdkafka.h"

namespace {

[[noreturn]] void fail(const std::string& what) {
  fmt::print(stderr, "bench_kafka_ceiling: {}\n", what);
  std::exit(1);
}

rd_kafka_t* make(rd_kafka_type_t type, const char* brokers,
                 std::initializer_list<std::pair<const char*, const char*>> settings) {
  char error[512];
  auto* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers, nullptr, 0);
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) fail(error);
  }
  auto* handle = rd_kafka_new(type, conf, error, sizeof error);
  if (!handle) fail(error);
  return handle;
}

double cpu_s() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

struct Figures {
  double seconds, cpu;
};

template <class Work>
Figures timed(Work work) {
  const auto began = std::chrono::steady_clock::now();
  const double before = cpu_s();
  work();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), cpu_s() - before};
}

void produce(const char* brokers, const char* name, int64_t count, size_t bytes) {
  auto* handle = make(RD_KAFKA_PRODUCER, brokers,
                      {{"enable.idempotence", "true"},
                       {"compression.type", "zstd"},
                       {"linger.ms", "20"},
                       {"batch.size", "1000000"},
                       {"queue.buffering.max.messages", "1000000"}});
  auto* topic = rd_kafka_topic_new(handle, name, nullptr);
  std::string value(bytes, 'x');
  for (int64_t i = 0; i < count; ++i) {
    const auto digits = fmt::format("{:016x}", static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15u);  // packs like numbers
    value.replace(0, std::min(digits.size(), bytes), digits, 0, std::min(digits.size(), bytes));
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value.data(), value.size(), nullptr, 0,
                            nullptr) != 0)
      rd_kafka_poll(handle, 10);
    if (i % 1024 == 0) rd_kafka_poll(handle, 0);
  }
  if (rd_kafka_flush(handle, 60'000) != RD_KAFKA_RESP_ERR_NO_ERROR) fail("the broker did not take all messages");
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(handle);
}

void consume(const char* brokers, const char* name, int64_t count) {
  auto* handle = make(RD_KAFKA_CONSUMER, brokers,
                      {{"group.id", "ceiling"}, {"auto.offset.reset", "earliest"}, {"enable.auto.commit", "false"}});
  rd_kafka_poll_set_consumer(handle);
  auto* wanted = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(wanted, name, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
  if (rd_kafka_assign(handle, wanted) != RD_KAFKA_RESP_ERR_NO_ERROR) fail("no partition");
  rd_kafka_topic_partition_list_destroy(wanted);
  auto* queue = rd_kafka_queue_get_consumer(handle);
  rd_kafka_message_t* messages[1000];
  for (int64_t taken = 0; taken < count;) {
    const auto n = rd_kafka_consume_batch_queue(queue, 10'000, messages, 1000);
    if (n <= 0) fail("nothing came for ten seconds");
    for (ssize_t i = 0; i < n; ++i) {
      taken += messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR;
      rd_kafka_message_destroy(messages[i]);
    }
  }
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(handle);
  rd_kafka_destroy(handle);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) fail("usage: bench_kafka_ceiling BROKERS TOPIC COUNT BYTES");
  const int64_t count = std::atoll(argv[3]);
  const auto bytes = static_cast<size_t>(std::atoll(argv[4]));
  const Figures out = timed([&] { produce(argv[1], argv[2], count, bytes); });
  const Figures in = timed([&] { consume(argv[1], argv[2], count); });
  fmt::print(R"({{"produce":{{"seconds":{:.3f},"cpu":{:.3f}}},"consume":{{"seconds":{:.3f},"cpu":{:.3f}}}}})"
             "\n",
             out.seconds, out.cpu, in.seconds, in.cpu);
}
