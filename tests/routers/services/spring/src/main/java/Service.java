import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.servlet.http.HttpServletRequest;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.servlet.mvc.method.RequestMappingInfo;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

/** A service with the router of Spring MVC. See ../node/service.mjs for TABLES. */
@EnableAutoConfiguration
public class Service {
  public record Handler(int id) {
    public ResponseEntity<Map<String, Object>> answer(HttpServletRequest request) {
      Map<String, String> headers = new TreeMap<>();
      for (String name : Collections.list(request.getHeaderNames())) headers.put(name, request.getHeader(name));
      Map<String, Object> body = Map.of("handler", id, "method", request.getMethod(), "headers", headers);
      return ResponseEntity.ok().header("X-Handler", String.valueOf(id)).body(body);
    }
  }

  /** No method means any. */
  private static RequestMethod[] methods(String method) {
    return method.equals("*") ? new RequestMethod[0] : new RequestMethod[] {RequestMethod.valueOf(method)};
  }

  public static void main(String[] arguments) throws Exception {
    for (JsonNode table : new ObjectMapper().readTree(System.getenv("TABLES"))) {
      var context =
          new SpringApplicationBuilder(Service.class)
              .properties(Map.of("server.port", table.get("port").asInt(), "server.address", "127.0.0.1", "spring.main.banner-mode", "off"))
              .run();
      var mapping = context.getBean("requestMappingHandlerMapping", RequestMappingHandlerMapping.class);
      for (JsonNode route : table.get("routes")) {
        String path = route.get("path").asText();
        // `/**` is the path itself and all below it.
        String pattern = path.endsWith("/*") ? path + "*" : path;
        RequestMappingInfo info =
            RequestMappingInfo.paths(pattern)
                .methods(methods(route.get("method").asText()))
                .options(mapping.getBuilderConfiguration())
                .build();
        Handler handler = new Handler(route.get("id").asInt());
        mapping.registerMapping(info, handler, Handler.class.getMethod("answer", HttpServletRequest.class));
      }
    }
  }
}
