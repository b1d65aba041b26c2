package whale;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Parses a message as JSON, as decode_trade of contracts/raw_trade.py does: of a field that is there twice the last one
 * counts, a name may be a whole number, a price may not, and no text has an escape.
 */
final class JsonTrade {
  private static final JsonFactory JSON =
      JsonFactory.builder().enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS).build(); // as Python does
  private static final Pattern NAME = Pattern.compile("[^\\x00-\\x20\"\\\\\\[\\]{}\\ufffd]+");
  private static final Pattern DECIMAL = Pattern.compile("(?=[0.]*[1-9])[0-9]{1,20}(?:[.][0-9]{1,18})?");
  private static final Pattern NARROW = Pattern.compile("(?=[0.]*[1-9])[0-9]{1,10}(?:[.][0-9]{1,8})?");

  private final Map<String, String> texts = new HashMap<>();
  private final Map<String, BigInteger> integers = new HashMap<>();
  private boolean dense = true;

  private JsonTrade() {}

  /** The fields of ReadTrade but for GOOD: those that could be read, with NOTIONAL_EXACT where all are right. */
  static Object[] parse(byte[] message) {
    Object[] row = new Object[ReadTrade.FIELDS];
    JsonTrade fields = new JsonTrade();
    try {
      String text = UTF_8.newDecoder().decode(ByteBuffer.wrap(message)).toString();
      if (fields.read(text)) {
        fields.fill(row, isOneObject(text));
      }
    } catch (IOException malformed) { // neither UTF-8 nor JSON: it has no fields
      return row;
    }
    return row;
  }

  private static boolean isOneObject(String text) {
    return text.indexOf('\\') < 0 && text.endsWith("}") && !text.contains("}{");
  }

  private boolean read(String text) throws IOException {
    try (JsonParser parser = JSON.createParser(text)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return false;
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        JsonToken value = parser.nextToken();
        texts.remove(name);
        integers.remove(name);
        if (value == JsonToken.VALUE_STRING) {
          texts.put(name, parser.getText());
        } else if (value == JsonToken.VALUE_NUMBER_INT) {
          integers.put(name, parser.getBigIntegerValue());
        }
        if (name.equals("dense")) {
          dense = value != JsonToken.VALUE_FALSE;
        }
        parser.skipChildren();
      }
      return parser.nextToken() == null; // more than an object is none
    }
  }

  private void fill(Object[] row, boolean complete) {
    boolean right = complete;
    Long version = (Long) (row[ReadTrade.V] = integer("v"));
    right &= version != null && (version == 1 || version == 2);
    right &= name(row, ReadTrade.EXCHANGE, "exchange");
    right &= name(row, ReadTrade.SYMBOL, "symbol");
    right &= name(row, ReadTrade.BASE, "base");
    right &= name(row, ReadTrade.QUOTE, "quote");
    right &= name(row, ReadTrade.SOURCE, "source");
    right &= (row[ReadTrade.TRADE_ID] = integer("trade_id")) != null;
    right &= (row[ReadTrade.EVENT_TIME] = integer("event_time")) != null;
    right &= (row[ReadTrade.RECEIVED_TIME] = integer("received_time")) != null;
    String side = texts.get("side");
    row[ReadTrade.SIDE] = ReadTrade.text(side);
    right &= "buy".equals(side) || "sell".equals(side);
    row[ReadTrade.DENSE] = dense;
    row[ReadTrade.TAKER_ORDER_ID] = ReadTrade.text(textOrNumber("taker_order_id"));
    row[ReadTrade.PRICE] = ReadTrade.text(texts.get("price"));
    row[ReadTrade.QUANTITY] = ReadTrade.text(texts.get("quantity"));
    BigDecimal price = decimal("price");
    BigDecimal quantity = decimal("quantity");
    if (right && price != null && quantity != null) {
      boolean narrow = isNarrow("price") && isNarrow("quantity");
      BigDecimal notional = narrow ? price.multiply(quantity) : decimal("notional"); // wider, it is trusted
      row[ReadTrade.PRICE_EXACT] = ReadTrade.exact(price);
      row[ReadTrade.QUANTITY_EXACT] = ReadTrade.exact(quantity);
      row[ReadTrade.NOTIONAL_EXACT] = notional == null ? null : ReadTrade.exact(notional);
    }
  }

  private Long integer(String field) {
    BigInteger found = integers.get(field);
    return found == null || found.bitLength() > 63 ? null : found.longValue();
  }

  private boolean name(Object[] row, int column, String field) {
    String text = textOrNumber(field);
    row[column] = ReadTrade.text(text);
    return text != null && NAME.matcher(text).matches();
  }

  private String textOrNumber(String field) {
    BigInteger number = integers.get(field);
    return number == null ? texts.get(field) : number.toString();
  }

  private BigDecimal decimal(String field) {
    String text = texts.get(field);
    return text != null && DECIMAL.matcher(text).matches() ? new BigDecimal(text) : null;
  }

  private boolean isNarrow(String field) {
    return NARROW.matcher(texts.get(field)).matches();
  }
}
