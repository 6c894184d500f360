import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.Encoder;
import org.apache.avro.io.EncoderFactory;

/**
 * Java's Avro writes what another encoder wrote: records as its own generic values, and those as
 * bytes again, by both of its encoders; the second one gives arrays and maps in sized blocks.
 *
 * <p>Standard input: a schema, records, and an empty frame, again and again; a frame is 4 bytes of
 * size, big-endian, and so many bytes. Standard output: of each record two frames.
 */
public class Encode {
    private static byte[] frame(DataInputStream in) throws IOException {
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        return bytes;
    }

    private static void encode(Schema schema, Object record, boolean blocks, DataOutputStream to)
            throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        EncoderFactory factory = EncoderFactory.get();
        Encoder encoder =
                blocks
                        ? factory.blockingBinaryEncoder(bytes, null)
                        : factory.directBinaryEncoder(bytes, null);
        new GenericDatumWriter<Object>(schema).write(record, encoder);
        encoder.flush();
        to.writeInt(bytes.size());
        bytes.writeTo(to);
    }

    public static void main(String[] arguments) throws IOException {
        DataInputStream in = new DataInputStream(System.in);
        DataOutputStream out = new DataOutputStream(System.out);
        while (true) {
            byte[] text = frame(in);
            if (text.length == 0) {
                return;
            }
            Schema schema = new Schema.Parser().parse(new String(text, StandardCharsets.UTF_8));
            for (byte[] datum = frame(in); datum.length > 0; datum = frame(in)) {
                Object record =
                        new GenericDatumReader<Object>(schema)
                                .read(null, DecoderFactory.get().binaryDecoder(datum, null));
                encode(schema, record, false, out);
                encode(schema, record, true, out);
            }
            out.flush();
        }
    }
}
