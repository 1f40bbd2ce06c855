/** A style sheet as its text: the build makes it small. */
declare module "*.css" {
  const text: string;
  export default text;
}
