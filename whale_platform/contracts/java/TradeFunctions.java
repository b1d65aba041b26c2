package whale;

import org.apache.spark.sql.connector.catalog.FunctionCatalog;
import org.apache.spark.sql.connector.catalog.Identifier;
import org.apache.spark.sql.connector.catalog.functions.UnboundFunction;
import org.apache.spark.sql.catalyst.analysis.NoSuchFunctionException;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;

/** The catalog by which Spark finds {@link ReadTrade}: spark.sql.catalog.NAME names this class. */
public final class TradeFunctions implements FunctionCatalog {
  private static final String[] NO_NAMESPACE = {};
  private String name;

  @Override
  public void initialize(String name, CaseInsensitiveStringMap options) {
    this.name = name;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Identifier[] listFunctions(String[] namespace) {
    return new Identifier[] {Identifier.of(NO_NAMESPACE, ReadTrade.NAME)};
  }

  @Override
  public UnboundFunction loadFunction(Identifier function) throws NoSuchFunctionException {
    if (function.namespace().length == 0 && function.name().equals(ReadTrade.NAME)) {
      return new ReadTrade();
    }
    throw new NoSuchFunctionException(function);
  }
}
