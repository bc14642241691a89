// The list of every component, a line each. (A component that registered itself would be dropped by the linker.)
#include "components.h"

#include "codecs/avro/avro.h"
#include "codecs/csv/csv.h"
#include "codecs/json/json.h"
#include "codecs/parquet/parquet.h"
#include "codecs/raw/raw.h"
#include "connectors/clickhouse/clickhouse.h"
#include "connectors/duckdb/duckdb.h"
#include "connectors/files/files.h"
#include "connectors/http/http_upload.h"
#include "connectors/kafka/kafka.h"
#include "transforms/check/check.h"
#include "transforms/clean/clean.h"
#include "transforms/dedupe/dedupe.h"
#include "transforms/sql/sql.h"

namespace trommel {

Components all_components() {
  Components all;
  all.sources.push_back(files_source({csv_format(), json_format(), parquet_format(), avro_format()}));
  all.sources.push_back(http_upload_source({csv_format(), json_format(), parquet_format(), avro_format()}));
  all.sources.push_back(kafka_source({csv_messages(), json_messages(), raw_messages(), avro_messages()}));
  all.transforms.push_back(clean_transform());
  all.transforms.push_back(check_transform());
  all.transforms.push_back(dedupe_transform());
  all.transforms.push_back(sql_transform());
  all.sinks.push_back(files_sink({parquet_encoder(), csv_encoder(), json_encoder(), avro_encoder()}));
  all.sinks.push_back(kafka_sink({csv_messages(), json_messages(), raw_messages(), avro_messages()}));
  all.sinks.push_back(duckdb_store());
  all.sinks.push_back(clickhouse_store());
  return all;
}

}  // namespace trommel
