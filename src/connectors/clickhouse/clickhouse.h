// Tables of a ClickHouse.
#pragma once

#include "component/component.h"

namespace trommel {

SinkKind clickhouse_store();

}  // namespace trommel
