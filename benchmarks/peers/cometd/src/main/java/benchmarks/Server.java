package benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.Map;

import org.cometd.bayeux.server.BayeuxServer;
import org.cometd.server.BayeuxServerImpl;
import org.cometd.server.http.JSONHttpTransport;
import org.cometd.server.http.jakarta.CometDServlet;
import org.cometd.server.websocket.jetty.JettyWebSocketTransport;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Context;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;

/**
 * CometD on Jetty as a peer of the benchmarks: its defaults, but for what a thousand clients of one machine need.
 *
 * <p>Prints its URL and ends with standard input. The line {@code collect} is answered, after a full garbage
 * collection, by the bytes of the heap that are in use.
 */
public final class Server {
    private static final String HOST = "127.0.0.1";
    private static final String PATH = "/cometd";
    private static final int BACKLOG = 8192; // a thousand clients knock at once; the kernel cuts it to its own bound
    private static final long IDLE = 120_000; // milliseconds; no connection of a client ends for being idle

    private static final Map<String, String> OPTIONS = Map.of(
            "transports", JettyWebSocketTransport.class.getName() + "," + JSONHttpTransport.class.getName(),
            "cometdURLMapping", PATH,
            "timeout", "30000",
            "ws.idleTimeout", String.valueOf(IDLE),
            "maxSessionsPerBrowser", "-1");

    private Server() {
    }

    public static void main(String[] arguments) throws Exception {
        org.eclipse.jetty.server.Server server = new org.eclipse.jetty.server.Server();
        ServerConnector connector = new ServerConnector(server, 1, 1, new HttpConnectionFactory(new HttpConfiguration()));
        connector.setHost(HOST);
        connector.setAcceptQueueSize(BACKLOG);
        connector.setIdleTimeout(IDLE);
        server.addConnector(connector);

        ServletContextHandler context = new ServletContextHandler("/");
        context.insertHandler(WebSocketUpgradeHandler.from(server, context));
        ServletHolder servlet = new ServletHolder(new CometDServlet() {
            @Override
            protected BayeuxServer newBayeuxServer() {
                BayeuxServerImpl bayeux = new BayeuxServerImpl();
                bayeux.setOption(Context.class.getName(), context.getContext()); // JettyWebSocketTransport asks for it
                return bayeux;
            }
        });
        servlet.setInitParameters(OPTIONS);
        servlet.setInitOrder(1);
        servlet.setAsyncSupported(true);
        context.addServlet(servlet, PATH + "/*");
        server.setHandler(context);
        server.start();

        System.out.printf("http://%s:%d%s%n", HOST, connector.getLocalPort(), PATH);
        answerRunner();
        System.exit(0);
    }

    private static void answerRunner() throws IOException {
        BufferedReader words = new BufferedReader(new InputStreamReader(System.in));
        while (words.readLine() != null) {
            System.gc();
            Runtime runtime = Runtime.getRuntime();
            System.out.println(runtime.totalMemory() - runtime.freeMemory());
        }
    }
}
