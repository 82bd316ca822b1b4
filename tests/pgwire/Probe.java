import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/** Asks what tools over JDBC ask when they connect, and then of records; prints what it is told. */
public class Probe {
    public static void main(String[] given) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", given[1]);
        properties.setProperty("password", given[2]);
        // Prepared on the server, and in binary form, from the second time on.
        properties.setProperty("prepareThreshold", "2");
        properties.setProperty("ApplicationName", "probe");
        try (Connection connection = DriverManager.getConnection(given[0], properties)) {
            connection.setReadOnly(true);
            metadata(connection.getMetaData());
            for (int time = 0; time < 4; time++) {
                records(connection, time);
            }
            pages(connection);
            refusals(connection);
        }
    }

    private static void metadata(DatabaseMetaData told) throws SQLException {
        System.out.println("product " + told.getDatabaseProductName());
        list("catalog", told.getCatalogs(), "TABLE_CAT");
        list("schema", told.getSchemas(), "TABLE_SCHEM");
        list("type", told.getTableTypes(), "TABLE_TYPE");
        list("table", told.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"}),
            "TABLE_NAME", "TABLE_TYPE", "REMARKS");
        list("column", told.getColumns(null, "public", "pets", "%"),
            "COLUMN_NAME", "TYPE_NAME", "IS_NULLABLE", "DECIMAL_DIGITS");
        list("key", told.getPrimaryKeys(null, "public", "pets"), "COLUMN_NAME", "KEY_SEQ");
        list("index", told.getIndexInfo(null, "public", "pets", false, true), "INDEX_NAME");
        list("imported", told.getImportedKeys(null, "public", "pets"), "FKCOLUMN_NAME");
        list("exported", told.getExportedKeys(null, "public", "pets"), "FKCOLUMN_NAME");
        list("known", told.getTypeInfo(), "TYPE_NAME");
        list("function", told.getFunctions(null, "public", "%"), "FUNCTION_NAME");
        list("procedure", told.getProcedures(null, "public", "%"), "PROCEDURE_NAME");
        list("privilege", told.getTablePrivileges(null, "public", "pets"), "PRIVILEGE");
        list("rowid", told.getBestRowIdentifier(null, "public", "pets", 0, true), "COLUMN_NAME");
    }

    private static void records(Connection connection, int time) throws SQLException {
        String sql = "select _id, name, age, weight, tags, born, tame, cast(age as double) as half"
            + " from \"public\".\"pets\" where _id >= ? and (name = ? or ? ) order by _id";
        try (PreparedStatement asked = connection.prepareStatement(sql)) {
            asked.setLong(1, 1);
            asked.setString(2, "Rex");
            asked.setBoolean(3, time % 2 == 1);
            try (ResultSet rows = asked.executeQuery()) {
                while (rows.next()) {
                    Array tags = rows.getArray("tags");
                    Object listed = tags == null ? null : String.join("|", (String[]) tags.getArray());
                    BigDecimal weight = rows.getBigDecimal("weight");
                    System.out.println("row " + time + " " + rows.getLong(1) + " "
                        + rows.getString(2) + " " + rows.getObject("age") + " " + weight + " "
                        + listed + " " + (rows.getTimestamp("born") == null ? null
                            : rows.getTimestamp("born").toInstant())
                        + " " + rows.getBoolean("tame") + " " + rows.getObject("half"));
                }
                ResultSetMetaData columns = rows.getMetaData();
                if (time == 0) {
                    System.out.println("scale " + columns.getScale(4) + " "
                        + columns.getColumnTypeName(4));
                }
            }
        }
    }

    private static void pages(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement asked = connection.createStatement()) {
            asked.setFetchSize(2);
            int count = 0;
            try (ResultSet rows = asked.executeQuery("select _id from pets order by _id")) {
                while (rows.next()) {
                    count++;
                }
            }
            System.out.println("paged " + count);
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    private static void refusals(Connection connection) throws SQLException {
        for (String sql : new String[] {"insert into pets (_id) values (9)", "select nope from pets",
            "select * from nope", "selec"}) {
            try (Statement asked = connection.createStatement()) {
                asked.execute(sql);
                System.out.println("refused nothing");
            } catch (SQLException refusal) {
                System.out.println("refused " + refusal.getSQLState());
            }
        }
    }

    private static void list(String what, ResultSet rows, String... columns) throws SQLException {
        while (rows.next()) {
            StringBuilder line = new StringBuilder(what);
            for (String column : columns) {
                line.append(' ').append(rows.getString(column));
            }
            System.out.println(line);
        }
        rows.close();
    }
}
